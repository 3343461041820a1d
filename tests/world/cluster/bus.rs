//! What a region's nodes meet in: one Redis, or one that sentinels watch and another in its place.

use std::net::SocketAddrV4;

use isobar::sandbox::{Redis, Site, redis::Watched};

pub(super) enum Bus {
    Single(Redis),
    Watched(Watched),
}

impl Bus {
    pub(super) fn single(site: &Site) -> Self {
        Self::Single(Redis::builder().at(site).start().expect("Redis"))
    }

    pub(super) fn watched(site: &Site) -> Self {
        Self::Watched(Watched::start_at(site).expect("Redis and its sentinels"))
    }

    /// The one that serves now.
    pub(super) fn redis(&self) -> &Redis {
        match self {
            Self::Single(redis) => redis,
            Self::Watched(watched) => watched.serving(),
        }
    }

    /// Whether whoever is to serve serves, and whoever is to follow follows.
    pub(super) fn is_whole(&self) -> bool {
        match self {
            Self::Single(redis) => redis.ask::<String>(&["PING"]).is_ok(),
            Self::Watched(watched) => watched.is_whole(),
        }
    }

    /// Starts the one of that port again.
    pub(super) fn restart(&self, port: u16) {
        let all = match self {
            Self::Single(redis) => vec![redis],
            Self::Watched(watched) => vec![&watched.primary, &watched.replica],
        };
        let fallen = all.into_iter().find(|redis| redis.port() == port).expect("one of that port");
        fallen.restart().expect("a restart");
    }

    /// How nodes call it that reach its servers by that way; of those that sentinels name, they reach each as it is named.
    pub(super) fn url(&self, way: impl Fn(SocketAddrV4) -> SocketAddrV4) -> String {
        match self {
            Self::Single(redis) => format!("redis://{}", way(SocketAddrV4::new(redis.host(), redis.port()))),
            Self::Watched(watched) => watched.url_by(way),
        }
    }
}
