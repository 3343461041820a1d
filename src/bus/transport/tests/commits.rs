//! Whose commit it is, and whether it was made before.

use super::*;

pub(super) async fn a_commit_of_another_with_the_same_fence_is_refused(link: Link, region: RegionName) {
    let fence = lead(&link, &beat(&region, "a", 1)).await;
    let change = anew(fence, fence << 32 | 1, vec![]);
    for other in [holder("b", 1), holder("a", 2)] {
        assert_eq!(link.keeper(region.clone(), other, 0).commit(change.clone()).await.unwrap(), Committed::Fenced);
    }
    assert_eq!(link.keeper(region.clone(), holder("a", 1), 0).commit(change).await.unwrap(), Committed::Done);
}

pub(super) async fn the_same_commit_once_more_is_done_and_another_one_of_its_version_is_not(link: Link, region: RegionName) {
    let keeper = link.keeper(region.clone(), holder("a", 1), 0);
    let fence = lead(&link, &beat(&region, "a", 1)).await;
    let version = fence << 32 | 1;
    keeper.commit(anew(fence, version, vec![item("x", Some("1"))])).await.unwrap();
    let next = |id| commit(fence, version, version + 1, vec![item(id, Some("2"))]);
    for time in ["at first", "again"] {
        assert_eq!(keeper.commit(next("y")).await.unwrap(), Committed::Done, "{time}");
    }
    assert_eq!(keeper.commit(next("z")).await.unwrap(), Committed::Behind(version + 1));
    let (told, _) = link.read(vec![cursor(&region, Stream::Shelf, None)], Duration::ZERO).await.unwrap();
    assert_eq!((told.len(), keeper.load().await.unwrap().items.len()), (2, 2), "done once");
}

pub(super) async fn a_commit_on_another_version_is_refused(link: Link, region: RegionName) {
    let keeper = link.keeper(region.clone(), holder("a", 1), 0);
    let fence = lead(&link, &beat(&region, "a", 1)).await;
    let version = fence << 32 | 7;
    assert_eq!(keeper.commit(anew(fence, version, vec![item("x", Some("1"))])).await.unwrap(), Committed::Done);
    let stale = commit(fence, version - 1, version + 1, vec![item("x", None)]);
    assert_eq!(keeper.commit(stale).await.unwrap(), Committed::Behind(version));
    assert_eq!(keeper.load().await.unwrap(), Kept { version, items: vec![item("x", Some("1"))] });
}
