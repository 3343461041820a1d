//! Supabase's part of `isobar check`: which databases of the token's organisations nobody watches yet, each with a block that is ready for a
//! region's file. It reads only; what to do about them is for people to decide.

use std::{collections::BTreeSet, fmt::Write as _};

use futures_util::{StreamExt, stream};
use serde::Serialize;

use crate::{
    config::Config,
    probe::{
        TargetSettings,
        management::{
            API, Project,
            answer::{Listed, Way},
            client::Asker,
        },
        preflight::Level,
    },
};

/// Projects that are asked about at once, and at all: the limit is 120 questions a minute for all that the token does.
const AT_ONCE: usize = 4;
const MOST_ASKED: usize = 60;
/// As long as a target's name may be, less what makes two of them different.
const LONGEST_NAME: usize = 40;
/// The token for those who have no project in the configuration yet; the name is that of Supabase's own tools.
const VARIABLE: &str = "SUPABASE_ACCESS_TOKEN";

/// What was found with one token.
#[derive(Debug, Serialize)]
pub(super) struct Found {
    pub(super) status: Level,
    detail: String,
    fix: Option<String>,
    unwatched: Vec<Unwatched>,
}

/// A database that nobody watches.
#[derive(Debug, Serialize)]
struct Unwatched {
    project: String,
    name: String,
    region: String,
    database_type: String,
    block: String,
}

/// Whoever may ask, once per token: the configuration's projects, or the environment's token where there is none.
pub(super) fn askers(config: &Config) -> (Vec<Project>, Vec<TargetSettings>) {
    let targets: Vec<_> =
        config.regions.iter().flat_map(|region| &region.targets).map(|target| target.settings.clone()).collect();
    let mut projects: Vec<Project> = Vec::new();
    for project in targets.iter().filter_map(|target| target.supabase.as_ref()) {
        let same = |known: &Project| Project { reference: project.reference.clone(), ..known.clone() } == *project;
        if !projects.iter().any(same) {
            projects.push(project.clone());
        }
    }
    let given = std::env::var(VARIABLE).ok().filter(|token| projects.is_empty() && !token.trim().is_empty());
    projects.extend(given.map(|token| Project {
        reference: String::new(),
        token: token.trim().to_owned().into(),
        api: API.to_owned(),
    }));
    (projects, targets)
}

/// Asks with each token.
pub(super) async fn check((askers, targets): (Vec<Project>, Vec<TargetSettings>)) -> Vec<Found> {
    let mut found = Vec::new();
    for project in askers {
        found.push(ask(project, &targets).await);
    }
    found
}

async fn ask(project: Project, targets: &[TargetSettings]) -> Found {
    let refused = |missing: crate::model::sample::Missing| Found {
        status: Level::Degraded,
        detail: missing.cause,
        fix: missing.fix,
        unwatched: Vec::new(),
    };
    let asker = match Asker::new(project) {
        Ok(asker) => asker,
        Err(missing) => return refused(missing),
    };
    let listed = match asker.projects().await {
        Ok(listed) => listed,
        Err(missing) => return refused(missing),
    };
    let asker = &asker;
    let ways = stream::iter(listed.iter().take(MOST_ASKED)).map(|listed| async move { (listed, asker.ways(&listed.id).await) });
    let ways: Vec<_> = ways.buffered(AT_ONCE).collect().await;
    let mut names: BTreeSet<String> = targets.iter().map(|target| target.id.target.as_str().to_owned()).collect();
    let (mut unwatched, mut refusals) = (Vec::new(), 0);
    for (listed, ways) in ways {
        refusals += usize::from(ways.is_err());
        for way in one_each(ways.unwrap_or_default()) {
            if !targets.iter().any(|target| is_watched(target, listed, &way)) {
                unwatched.push(block(listed, &way, &mut names));
            }
        }
    }
    let mut detail = format!("{} projects, {} databases that nobody watches", listed.len(), unwatched.len());
    if refusals > 0 {
        let _ = write!(detail, "; {refusals} projects did not tell of their databases");
    }
    if listed.len() > MOST_ASKED {
        let _ = write!(detail, "; only {MOST_ASKED} projects were asked about");
    }
    Found { status: Level::Good, detail, fix: None, unwatched }
}

/// The first way to each database: a project may list several poolers.
fn one_each(ways: Vec<Way>) -> Vec<Way> {
    let mut seen = BTreeSet::new();
    ways.into_iter().filter(|way| seen.insert(way.identifier.clone())).collect()
}

fn is_watched(target: &TargetSettings, listed: &Listed, way: &Way) -> bool {
    let is_primary = way.database_type != "READ_REPLICA";
    let named = target.supabase.as_ref().is_some_and(|project| is_primary && project.reference == listed.id);
    let ends = |user: &str| user.split_once('.').is_some_and(|(_, tenant)| tenant == way.identifier);
    named
        || target.url.user == way.db_user
        || ends(&target.url.user)
        || target.url.hosts.iter().any(|host| host.name.split('.').any(|label| label == way.identifier))
}

fn block(listed: &Listed, way: &Way, names: &mut BTreeSet<String>) -> Unwatched {
    let replica = way.database_type == "READ_REPLICA";
    let mut name = slug(&listed.name).unwrap_or_else(|| listed.id.clone());
    if replica {
        name.push_str("-replica");
    }
    if !names.insert(name.clone()) {
        name = format!("{name}-{}", &slug(&way.identifier).unwrap_or_default());
        name.truncate(crate::config::LONGEST_NAME);
        names.insert(name.clone());
    }
    let variable = slug(&listed.name).unwrap_or_else(|| listed.id.clone()).replace('-', "_").to_uppercase();
    let Way { db_user, db_host, db_port, db_name, .. } = way;
    let block = format!(
        "[[target]]\nname = \"{name}\"\n\
         url = \"postgres://{db_user}:${{{variable}_PASSWORD}}@{db_host}:{db_port}/{db_name}?sslmode=verify-full&sslrootcert=prod-ca-2021.crt\"\n\
         [target.supabase]\nproject = \"{}\"\naccess_token = \"${{{VARIABLE}}}\"\n",
        listed.id
    );
    Unwatched {
        project: listed.id.clone(),
        name: listed.name.chars().filter(|c| !c.is_control()).take(100).collect(),
        region: listed.region.chars().filter(|c| !c.is_control()).take(100).collect(),
        database_type: if replica { "READ_REPLICA" } else { "PRIMARY" }.to_owned(),
        block,
    }
}

/// A name as a target's may be.
fn slug(name: &str) -> Option<String> {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let words: String = name.chars().map(letter).take(LONGEST_NAME).collect();
    let slug = words.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-");
    (!slug.is_empty()).then_some(slug)
}

/// For people.
pub(super) fn report(found: &[Found], text: &mut String) {
    for found in found {
        let _ = writeln!(text, "supabase\n  {} projects: {}", super::mark(found.status), found.detail);
        if let Some(fix) = &found.fix {
            let _ = writeln!(text, "           fix: {fix}");
        }
        for one in &found.unwatched {
            let kind = if one.database_type == "READ_REPLICA" { "a read replica of " } else { "" };
            let _ =
                writeln!(text, "\n# not watched: {kind}{} ({}, {})\n{}", one.name, one.project, one.region, one.block.trim_end());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::conninfo::ConnInfo;

    fn listed(name: &str) -> Listed {
        Listed { id: "a".repeat(20), name: name.to_owned(), region: "eu-central-1".to_owned() }
    }

    fn way(kind: &str, identifier: &str) -> Way {
        Way {
            identifier: identifier.to_owned(),
            database_type: kind.to_owned(),
            db_user: format!("postgres.{identifier}"),
            db_host: "aws-0-eu-central-1.pooler.supabase.com".to_owned(),
            db_port: 6543,
            db_name: "postgres".to_owned(),
        }
    }

    #[test]
    fn a_replica_is_a_target_of_its_own_and_no_name_comes_twice() {
        let mut names = BTreeSet::new();
        let second_line = |block: &Unwatched| block.block.lines().nth(1).unwrap_or_default().to_owned();
        let id = "a".repeat(20);
        let replica = format!("{id}-rr-eu-west-1-abcde");
        let blocks = [
            block(&listed("My Shop!"), &way("PRIMARY", &id), &mut names),
            block(&listed("My Shop!"), &way("READ_REPLICA", &replica), &mut names),
            block(&listed("my shop"), &way("PRIMARY", &"b".repeat(20)), &mut names),
            block(&listed("\"]\n[[x"), &way("PRIMARY", &id), &mut names),
        ];
        assert_eq!(
            blocks.iter().map(second_line).collect::<Vec<_>>(),
            [
                "name = \"my-shop\"",
                "name = \"my-shop-replica\"",
                &format!("name = \"my-shop-{}\"", "b".repeat(20)),
                "name = \"x\"",
            ]
        );
        for block in &blocks {
            let url = block.block.split("url = \"").nth(1).and_then(|rest| rest.split('"').next()).expect("a url");
            let url = ConnInfo::parse(&url.replace("${MY_SHOP_PASSWORD}", "p").replace("${X_PASSWORD}", "p")).expect("it parses");
            assert_eq!(url.pool_mode, Some(crate::probe::conninfo::PoolMode::Transaction));
        }
    }
}
