//! News of other nodes on their way to this node's readers.

use super::*;
use crate::{alert::outbox::tests::alert, model::cluster::NewsItem};

#[actix_web::test]
async fn what_happens_elsewhere_is_told_to_the_stream_and_what_is_said_again_is_not() {
    let ear = Ear::default();
    let heard = Arc::clone(&ear.0);
    let book: Arc<ArcSwap<AlertBook>> = Arc::default();
    let librarian = Librarian::new(Library::new(Arc::clone(&book), Steady::start()), Some(ear.start().recipient())).start();
    for event in ["firing", "", "escalated-by-a-newer-node", "acknowledged"] {
        let items = vec![NewsItem { event: event.into(), alert: alert("i1"), steps: Arc::default() }];
        librarian.send(AlertNews { region: Some("us".into()), items, silences: None }).await.expect("alive");
    }
    let deadline = clock::now() + Duration::from_secs(10);
    while book.load().alert("i1").is_none() || locked(&heard).len() < 2 {
        assert!(clock::now() < deadline, "in vain: {:?}", locked(&heard));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(*locked(&heard), ["firing database_down", "acknowledged database_down"]);
}
