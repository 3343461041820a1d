//! A node that gets a bus.

use super::*;
use crate::model::RegionName;

#[test]
fn each_region_takes_what_is_its_own_once_and_the_old_file_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let (all, eu, us) = (folder.path().join("a.db"), folder.path().join("a.eu.db"), folder.path().join("a.us.db"));
    let home = |name: &str| RegionName::from(name);
    assert_eq!(adopt(&eu, &all, &home("eu"), at(0, 0)).expect("nothing there"), 0);
    assert!(!eu.exists(), "a node that never was without a bus begins as always");
    let of = |id: &str, region: &str| {
        let mut incident = incident(id, at(0, 0));
        incident.subject.region = region.into();
        incident
    };
    let (one, other) = (of("eu-1", "eu"), of("us-1", "us"));
    {
        let (mut journal, _) = Journal::open(Some(&all), at(0, 0)).expect("begun");
        journal.commit(&Batch { incidents: vec![&one, &other], ..Batch::default() }, at(0, 0)).expect("kept");
    }
    let ids = |path: &Path| {
        let (_, loaded) = Journal::open(Some(path), at(0, 0)).expect("usable");
        (loaded.kept.incidents.into_iter().map(|incident| incident.id).collect::<Vec<_>>(), loaded.version)
    };
    assert_eq!(adopt(&eu, &all, &home("eu"), at(0, 0)).expect("taken"), 1);
    assert_eq!(adopt(&us, &all, &home("us"), at(0, 0)).expect("taken"), 1);
    assert_eq!((ids(&eu), ids(&us)), ((vec!["eu-1".to_owned()], ADOPTED), (vec!["us-1".to_owned()], ADOPTED)));
    assert_eq!(adopt(&eu, &all, &home("eu"), at(0, 0)).expect("known"), 0);
    assert_eq!(ids(&all).0.len(), 2);
    let (mut journal, _) = Journal::open(Some(&eu), at(0, 0)).expect("usable");
    journal.replace(&Batch { version: Some(7 << 32), ..Batch::default() }, at(0, 0)).expect("kept");
    drop(journal);
    assert_eq!(adopt(&eu, &all, &home("eu"), at(0, 0)).expect("known"), 0, "what is over since does not come back");
    assert!(ids(&eu).0.is_empty());
}
