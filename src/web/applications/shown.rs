//! A pool's name as people may see it. Some libraries name a pool by what it connects with, and that may hold a password, which must reach
//! neither the API nor labels, messages and the log. So of a URL only what comes behind the user and before the parameters is kept, of a
//! list of `key=value` only host, port and database; where one cannot be sure which part is which, nothing is. A hash of it would tell
//! whether a guess at the password is right, so all names that are not shown are one. Pure.

/// Instead of a name that cannot be shown.
const HIDDEN: &str = "name-not-shown";

/// Whatever is called so is not for anybody to see.
const SECRETS: [&str; 4] = ["password", "passwd", "passphrase", "pwd"];

/// The name, or what is harmless in it.
pub(super) fn shown(name: &str) -> String {
    harmless(name).unwrap_or_else(|| HIDDEN.to_owned())
}

fn harmless(name: &str) -> Option<String> {
    let scheme = name.find("://");
    let is_pairs =
        name.split('?').next().and_then(|head| head.find('=')).is_some_and(|at| scheme.is_none_or(|scheme| at < scheme));
    if is_pairs { pairs(name) } else { address(name, scheme.map_or(0, |at| at + 3)) }
}

/// A name or a URL, whose scheme is so long.
fn address(name: &str, scheme: usize) -> Option<String> {
    let (head, parameters) = name.find(['?', ';']).map_or((name, ""), |at| name.split_at(at));
    // Somebody's unescaped password may hold any of these signs; then it is not known where it ends.
    if parameters.contains('@') || says_secret(head) {
        return None;
    }
    let all = head.get(scheme..)?;
    let (user, rest) = all.rsplit_once('@').map_or((None, all), |(user, rest)| (Some(user), rest));
    if user.is_some_and(|user| user.contains('/')) || rest.contains('=') {
        return None;
    }
    let hosts = rest.split('/').next().unwrap_or_default();
    if scheme > 0 && !hosts.split(',').all(is_host) {
        return None;
    }
    Some(if user.is_some() { rest } else { head }.to_owned())
}

/// `host`, `host:port`, `[::1]:port`.
fn is_host(text: &str) -> bool {
    let behind = if text.starts_with('[') {
        text.split_once(']').map(|(_, rest)| rest.strip_prefix(':').unwrap_or(rest))
    } else {
        Some(text.split_once(':').map_or("", |(_, port)| port))
    };
    behind.is_some_and(|port| port.bytes().all(|c| c.is_ascii_digit()))
}

/// `host=db dbname=shop`, or `Host=db;Database=shop`.
fn pairs(name: &str) -> Option<String> {
    let has_both = name.contains(';') && name.contains(char::is_whitespace);
    if name.contains(['\'', '"', '\\']) || (has_both && says_secret(name)) {
        return None;
    }
    let parts: Vec<&str> = if name.contains(';') { name.split(';').collect() } else { name.split_whitespace().collect() };
    let (mut host, mut port, mut database) = (None, None, None);
    for part in parts.into_iter().map(str::trim).filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=')?;
        if !key.chars().all(|c| c.is_alphanumeric() || "_- ".contains(c)) {
            return None;
        }
        let place = match key.trim().to_ascii_lowercase().as_str() {
            "host" | "hostaddr" | "server" | "data source" => &mut host,
            "port" => &mut port,
            "dbname" | "database" | "db" | "initial catalog" => &mut database,
            _ => continue,
        };
        // What comes twice may be a part of something else.
        if !is_plain(value.trim()) || place.replace(value.trim()).is_some() {
            return None;
        }
    }
    if port.is_some_and(|port| !port.bytes().all(|c| c.is_ascii_digit())) {
        return None;
    }
    let port = port.map_or_else(String::new, |port| format!(":{port}"));
    match (host, database) {
        (Some(host), Some(database)) => Some(format!("{host}{port}/{database}")),
        (Some(host), None) => Some(format!("{host}{port}")),
        (None, database) => database.map(str::to_owned),
    }
}

fn is_plain(value: &str) -> bool {
    value.chars().all(|c| c.is_alphanumeric() || "._-:[]/".contains(c)) && !says_secret(value)
}

fn says_secret(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    SECRETS.iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_harmless_is_kept() {
        for (name, expected) in [
            ("HikariPool-1", "HikariPool-1"),
            ("main pool: orders", "main pool: orders"),
            ("db.example.com:5432/shop", "db.example.com:5432/shop"),
            ("postgresql://db:5432/shop", "postgresql://db:5432/shop"),
            ("postgres://app:hunter2@db:5432/shop?sslmode=require", "db:5432/shop"),
            ("postgres://app:h@nter2@[::1]:5432/shop", "[::1]:5432/shop"),
            ("postgres://app:aGk=@one:5432,two:5432/shop", "one:5432,two:5432/shop"),
            ("jdbc:postgresql://db/shop?user=a&password=hunter2", "jdbc:postgresql://db/shop"),
            ("jdbc:sqlserver://db:1433;user=a;password=hunter2", "jdbc:sqlserver://db:1433"),
            ("app:hunter2@db:5432/shop", "db:5432/shop"),
            ("host=db port=5433 user=app password=hunter2 dbname=shop", "db:5433/shop"),
            ("Host=db;Port=5432;Username=app;Password=hunter2;Database=shop;", "db:5432/shop"),
            ("Host = db; Username = app", "db"),
            ("user=app dbname=shop", "shop"),
        ] {
            assert_eq!(shown(name), expected, "{name}");
        }
    }

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        for name in [
            "jdbc:postgresql://db/shop?user=a&password=p@ssw0rd",
            "postgres://app:p?ss@db:5432/shop",
            "postgres://app:12;x@db:5432/shop",
            "postgres://app:12/34@db:5432/shop",
            "postgres://app:hunter2",
            "jdbc:postgresql://db/shop&token=p@ss",
            "pool with PassWord hunter2",
            "shop PWD: hunter2",
            "host=db password='a b' dbname=shop",
            "host=db password=a b dbname=shop",
            "host=db,password=hunter2",
            "password=a;db=b; host=db",
            "app:a=;db=b;c=@db:5432/shop",
            "host=postgres://app:hunter2@db",
            "host=db password=a host=b",
            "host=db port=x",
            "password=hunter2",
            "key = value",
        ] {
            assert_eq!(shown(name), HIDDEN, "{name}");
        }
    }

    /// Ways to write a password into a name.
    const WAYS: [&str; 13] = [
        "postgres://app:{}@db.example.com:5432/shop",
        "postgres://app:{}@db.example.com/shop?sslmode=require",
        "postgres://app:{}@one:5432,two:5432/shop",
        "app:{}@db:5432/shop",
        "jdbc:postgresql://db:5432/shop?user=a&password={}",
        "jdbc:postgresql://db/shop?password={}&user=a",
        "jdbc:sqlserver://db:1433;user=a;password={}",
        "host=db port=5432 password={} dbname=shop",
        "password={} host=db",
        "host=db password='{}' dbname=shop",
        "Host=db;Port=5432;Password={};Database=shop",
        "Server=db;PWD=\"{}\";Database=shop",
        "the pool whose passwd is {}",
    ];

    /// A password with all signs but white space and quotes, and with what looks like other parts of a name.
    fn secret() -> impl Strategy<Value = String> {
        let looks = prop::sample::select(vec![";DB=", ";HOST=", ";PORT=", ";D=", "://", "?USER=", "&", "@DB:5432/"]);
        let piece = prop_oneof![3 => "[A-Z=@:/?#;&%!,+._~$*-]{1,3}", 1 => looks.prop_map(str::to_owned)];
        prop::collection::vec(piece, 1..6).prop_map(|pieces| format!("X{}", pieces.concat()))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

        /// The secrets have no lower case, and what surrounds them and is harmless has nothing else.
        #[test]
        fn no_secret_survives(way in 0..WAYS.len(), secret in secret()) {
            let name = WAYS[way].replace("{}", &secret);
            let shown = shown(&name);
            prop_assert!(!shown.contains(|c: char| c.is_ascii_uppercase()), "{name} is shown as {shown}");
        }

        #[test]
        fn any_name_is_taken_without_a_panic(name in "\\PC{0,40}") {
            shown(&name);
        }
    }
}
