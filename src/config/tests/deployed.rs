//! The folders that `docker-compose.yml` mounts.

use super::*;

fn deployed(folder: &str, only: &[&str]) -> Config {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(folder);
    let files: Vec<_> = folder::files(&dir)
        .expect("a folder")
        .iter()
        .map(|path| (path.display().to_string(), fs::read_to_string(path).expect("text")))
        .collect();
    let env = |name: &str| {
        Some(match name {
            name if name.ends_with("_REDIS") => format!("redis://{}:6379", name.to_lowercase().replace('_', "-")),
            _ => "a-token-for-play".to_owned(),
        })
    };
    let only: Vec<_> = only.iter().map(ToString::to_string).collect();
    let read = |_: &str| Err(std::io::ErrorKind::NotFound.into());
    let config = Config::parse(&dir, &files, &only, &Sources { now: now(), env: &env, read: &read });
    config.unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn one_node_alone_needs_no_bus() {
    let config = deployed("isobar", &[]);
    assert_eq!((config.regions.len(), config.bus), (1, None));
}

#[test]
fn each_of_three_regions_has_its_bus_and_looks_at_another() {
    let compose = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docker-compose.yml")).expect("text");
    for region in ["ap-southeast-1", "eu-west-1", "us-east-1"] {
        let config = deployed("cluster", &[region]);
        let bus = config.bus.expect("a bus");
        assert_eq!((config.regions.len(), bus.places.len()), (1, 3));
        let nodes = compose.matches(&format!("\"--region\", \"{region}\", \"--node\"")).count();
        assert_eq!(nodes, 2, "{region}");
        for place in &bus.places {
            let host = place.url.expose_secret().trim_start_matches("redis://").trim_end_matches(":6379").to_owned();
            assert!(compose.contains(&format!("\n  {host}:\n")), "{host} is a service");
        }
        let host = config.regions[0].targets[0].settings.url.address().replace(":5432", "");
        assert!(compose.contains(&format!("\n  {host}:\n")), "{host} is a service");
    }
    let looks: usize = ["eu-west-1", "us-east-1"].iter().map(|region| deployed("cluster", &[region]).vantages.len()).sum();
    assert_eq!(looks, 3, "Europe at both others, America at Europe");
}

#[test]
fn the_config_map_of_kubernetes_is_a_whole_configuration() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/kubernetes/isobar.yaml");
    let manifest = fs::read_to_string(manifest).expect("text");
    let file = |name: &str| {
        let (_, rest) = manifest.split_once(&format!("  {name}: |\n")).expect("a file of the ConfigMap");
        let lines = rest.lines().take_while(|line| line.is_empty() || line.starts_with("    "));
        (name.to_owned(), lines.map(|line| line.trim_start_matches("    ").to_owned() + "\n").collect::<String>())
    };
    let secret = |path: &str| {
        Ok(match path.rsplit('/').next().expect("a name") {
            "redis-url" => "redis://redis:6379",
            "app-url" => "postgres://isobar:secret@db:5432/app",
            "viewer-token" => "viewer-token-of-a-test",
            "operator-token" => "operator-token-of-a-test",
            other => panic!("{other} is not in the documented secret"),
        }
        .to_owned())
    };
    let files = [file("global.toml"), file("us-east-1.toml")];
    let sources = Sources { now: now(), env: &|_| None, read: &secret };
    let config = Config::parse(Path::new("/etc/isobar"), &files, &["us-east-1".to_owned()], &sources);
    let config = config.unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!((config.regions.len(), config.bus.expect("a bus").places.len()), (1, 1));
}
