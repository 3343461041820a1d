use super::*;
use crate::model::sample::PoolerKind;

fn discovery(poolers: Vec<PoolerSettings>) -> Discovery {
    let url = ConnInfo::parse("postgres://isobar:secret@db:5433/postgres").expect("valid");
    let template = TargetSettings {
        id: TargetId::new("eu", "main"),
        url,
        critical: true,
        vantages: vec![],
        supabase: None,
        machine: None,
        poolers,
        slow_query_ms: 250.0,
        listed: false,
    };
    Discovery { template, source: Source::Databases(Patterns::default()) }
}

fn databases(names: &[&str]) -> Vec<Found> {
    names.iter().map(|name| Found::Database((*name).to_owned())).collect()
}

fn names(found: &[Found], taken: &[&str]) -> Vec<String> {
    let (targets, _) = discovery(vec![]).targets(found, &taken.iter().copied().collect());
    targets.iter().map(|target| target.id.target.to_string()).collect()
}

#[test]
fn patterns_take_what_is_included_and_not_excluded() {
    let patterns = |include: &[&str], exclude: &[&str]| Patterns {
        include: include.iter().map(|text| (*text).to_owned()).collect(),
        exclude: exclude.iter().map(|text| (*text).to_owned()).collect(),
    };
    assert!(Patterns::default().takes("anything"));
    let some = patterns(&["app_*", "shop"], &["app_tmp_*", "?hop"]);
    for (name, taken) in [("app_one", true), ("app_tmp_1", false), ("shop", false), ("blog", false), ("App_one", false)] {
        assert_eq!(some.takes(name), taken, "{name}");
    }
    assert!(patterns(&[], &["tmp_*"]).takes("app"));
}

#[test]
fn each_database_is_a_target_like_the_template_under_its_own_name() {
    let (targets, nameless) = discovery(vec![]).targets(&databases(&["shop", "blog"]), &BTreeSet::new());
    assert_eq!(nameless, Vec::<String>::new());
    let seen: Vec<_> = targets.iter().map(|target| (target.id.target.as_str(), target.url.dbname.as_str())).collect();
    assert_eq!(seen, [("main-blog", "blog"), ("main-shop", "shop")]);
    let first = &targets[0];
    assert!(first.critical && first.listed);
    assert_eq!((first.slow_query_ms, first.url.address()), (250.0, "db:5433".to_owned()));
}

#[test]
fn a_name_that_cannot_stand_as_it_is_ends_in_a_number_of_its_own() {
    let of = |name: &str| names(&databases(&[name]), &[]).remove(0);
    assert_eq!(of("app_1.x-y"), "main-app_1.x-y");
    let changed = [of("Shop"), of("sHop"), of("sh op"), of("größe"), of(&"x".repeat(63)), of(&format!("{}y", "x".repeat(62)))];
    for (nth, name) in changed.iter().enumerate() {
        assert!(name.len() <= LONGEST_NAME && name.starts_with("main-") && name.is_ascii(), "{name}");
        assert!(!changed[..nth].contains(name), "{name} twice");
    }
    assert!(changed[0].starts_with("main-shop-"), "{}", changed[0]);
}

#[test]
fn a_target_that_stands_in_the_file_keeps_its_name() {
    let name = names(&databases(&["shop"]), &["main-shop"]).remove(0);
    assert!(name.starts_with("main-shop-") && name != "main-shop-", "{name}");
    let (targets, nameless) =
        discovery(vec![]).targets(&databases(&["shop"]), &["main-shop", name.as_str()].into_iter().collect());
    assert_eq!((targets.len(), nameless), (0, vec!["shop".to_owned()]));
}

#[test]
fn a_poolers_client_tries_the_database_that_it_names_and_the_console_serves_all() {
    let url = |text: &str| Some(ConnInfo::parse(text).expect("valid"));
    let pooler = |console: bool, client: &str| PoolerSettings {
        kind: PoolerKind::Pgbouncer,
        console: url("postgres://stats@pgb:6432/pgbouncer").filter(|_| console),
        client: url(client),
        metrics: None,
    };
    let own = pooler(true, "postgres://probe@pgb:6432/{database}");
    let fixed = pooler(true, "postgres://probe@pgb:6432/shop");
    let bare = pooler(false, "postgres://probe@pgb:6432/shop");
    let (targets, _) = discovery(vec![own, fixed, bare]).targets(&databases(&["blog", "shop"]), &BTreeSet::new());
    let clients = |nth: usize| {
        let client = |pooler: &PoolerSettings| pooler.client.as_ref().map(|client| client.dbname.clone());
        targets[nth].poolers.iter().map(client).collect::<Vec<_>>()
    };
    assert_eq!(clients(0), [Some("blog".to_owned()), None]);
    assert_eq!(clients(1), [Some("shop".to_owned()), Some("shop".to_owned()), Some("shop".to_owned())]);
}

#[test]
fn a_member_is_the_templates_database_at_its_own_address() {
    let member =
        Member { name: "pg-1".into(), host: "10.0.0.7".into(), port: 6543, role: "replica".into(), state: "streaming".into() };
    let (targets, _) = discovery(vec![]).targets(&[Found::Member(member)], &BTreeSet::new());
    let target = &targets[0];
    assert_eq!(
        (target.id.target.as_str(), target.url.address(), target.url.dbname.as_str()),
        ("main-pg-1", "10.0.0.7:6543".into(), "postgres")
    );
    assert!(!target.listed, "a database that is missing there is worth an incident");
}

#[test]
fn a_member_is_watched_whatever_role_the_url_asks_for() {
    let mut discovery = discovery(vec![]);
    discovery.template.url = ConnInfo::parse("postgres://isobar@a,b/shop?target_session_attrs=read-write").expect("valid");
    let member =
        Member { name: "pg-1".into(), host: "10.0.0.7".into(), port: 5432, role: "replica".into(), state: "streaming".into() };
    let (targets, _) = discovery.targets(&[Found::Member(member)], &BTreeSet::new());
    assert_eq!((targets[0].url.address(), targets[0].url.session_attrs), ("10.0.0.7:5432".into(), SessionAttrs::Any));
}
