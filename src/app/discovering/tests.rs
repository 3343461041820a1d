use super::*;
use crate::{
    config::DiscoveryConfig,
    probe::{TargetSettings, conninfo::ConnInfo, discovery::patroni::Member},
};

/// All databases of a server that refuses.
fn config(database: &str, source: Source) -> Config {
    let url = format!("postgres://me@127.0.0.1:1/{database}");
    let mut config = Config::for_watch(std::slice::from_ref(&url), &[], None).expect("valid");
    let target = config.regions[0].targets.remove(0);
    let id = TargetId::new("local", "main");
    let template = TargetSettings { id, url: ConnInfo::parse(&url).expect("valid"), ..target.settings };
    config.regions[0].discoveries =
        vec![DiscoveryConfig { discovery: Discovery { template, source }, thresholds: target.thresholds }];
    config
}

fn all() -> Source {
    Source::Databases(Patterns::default())
}

fn discovering() -> Discovering {
    Discovering::new(Arc::default(), Sampling::default(), Handle::current())
}

/// What is heard within a second, by name.
async fn hears(discovering: &mut Discovering) -> Option<Vec<String>> {
    tokio::time::timeout(Duration::from_secs(1), discovering.heard()).await.ok()?;
    Some(names(discovering))
}

fn names(discovering: &Discovering) -> Vec<String> {
    discovering.known.values().flat_map(|known| &known.found).map(|found| found.name().to_owned()).collect()
}

fn listed(discovering: &mut Discovering, config: &Config, found: Vec<Found>) {
    let id = config.regions[0].discoveries[0].discovery.template.id.clone();
    discovering.known.insert(id, Known { found, listed: true });
}

fn databases(names: &[&str]) -> Vec<Found> {
    names.iter().map(|name| Found::Database((*name).to_owned())).collect()
}

#[tokio::test]
async fn a_server_that_is_away_from_the_start_is_its_own_database_and_another_after_a_reload() {
    let mut discovering = discovering();
    for database in ["shop", "blog"] {
        discovering.follow(&config(database, all()));
        assert_eq!(hears(&mut discovering).await, Some(vec![database.to_owned()]), "nobody ever listed anything");
    }
    discovering.stop();
}

#[tokio::test]
async fn a_reload_while_the_server_is_away_takes_no_target_away() {
    let mut discovering = discovering();
    discovering.follow(&config("shop", all()));
    hears(&mut discovering).await.expect("its own database");
    listed(&mut discovering, &config("shop", all()), databases(&["a", "b", "c"]));
    let some = Source::Databases(Patterns { include: Vec::new(), exclude: vec!["tmp_*".to_owned()] });
    for changed in [config("blog", all()), config("blog", some)] {
        discovering.follow(&changed);
        assert_eq!(hears(&mut discovering).await, None);
        assert_eq!(names(&discovering), ["a", "b", "c"]);
    }
    discovering.stop();
}

#[tokio::test]
async fn a_task_that_is_started_again_goes_on_from_what_was_found() {
    let mut discovering = discovering();
    discovering.follow(&config("shop", all()));
    hears(&mut discovering).await.expect("its own database");
    listed(&mut discovering, &config("shop", all()), databases(&["a", "b"]));
    discovering.tasks.values().for_each(|(_, task)| task.abort());
    while !discovering.tasks.values().all(|(_, task)| task.is_finished()) {
        tokio::task::yield_now().await;
    }
    discovering.revive();
    assert_eq!(hears(&mut discovering).await, None);
    assert_eq!(names(&discovering), ["a", "b"]);
    discovering.stop();
}

#[tokio::test]
async fn members_that_were_found_are_no_databases() {
    let mut discovering = discovering();
    let member = |name: &str| {
        let (host, role, state) = ("10.0.0.7".into(), "replica".into(), "streaming".into());
        Found::Member(Member { name: name.into(), host, port: 5432, role, state })
    };
    listed(&mut discovering, &config("shop", all()), vec![member("pg1")]);
    discovering.follow(&config("shop", all()));
    assert_eq!(hears(&mut discovering).await, Some(vec!["shop".to_owned()]));
    discovering.stop();
}
