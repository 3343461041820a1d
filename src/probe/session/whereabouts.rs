//! Which of several hosts is the server now. The fast lane finds out, by `target_session_attrs`, and the others follow: figures of two
//! servers must not be mixed, and a knock at the wrong door tells nothing. Of a single host there is nothing to find out.

use std::sync::Arc;

use super::Server;
use crate::probe::conninfo::{ConnInfo, Host, SessionAttrs};

impl Server {
    /// The fast lane is connected there.
    pub(super) fn is_at(&self, host: &Host) {
        if self.at.load().as_deref() != Some(host) {
            self.at.store(Some(Arc::new(host.clone())));
        }
    }

    /// Where the server is: the only host there is, or the one that the fast lane found last.
    pub fn host(&self, url: &ConnInfo) -> Option<Host> {
        match url.hosts.as_slice() {
            [host] => Some(host.clone()),
            _ => self.at.load().as_deref().filter(|at| url.hosts.contains(at)).cloned(),
        }
    }

    /// The same string with that host in front: what fits stays, and is found at once when the first in the order is dead.
    pub(super) fn nearest_first(&self, url: ConnInfo) -> ConnInfo {
        let Some(at) = self.host(&url).filter(|_| url.hosts.len() > 1) else { return url };
        let others = url.hosts.iter().filter(|host| **host != at).cloned();
        let hosts = std::iter::once(at.clone()).chain(others).collect();
        ConnInfo { hosts, load_balance: false, ..url }
    }

    /// The string for whoever must be where the fast lane is; while that is nowhere, wherever it fits.
    pub(super) fn beside_the_fast_lane(&self, url: ConnInfo) -> ConnInfo {
        match self.host(&url).filter(|_| url.hosts.len() > 1 && self.holds_fast()) {
            Some(at) => ConnInfo { hosts: vec![at], session_attrs: SessionAttrs::Any, ..url },
            None => self.nearest_first(url),
        }
    }

    /// Whether the fast lane is on another host than that.
    pub(super) fn has_moved_from(&self, host: &Host) -> bool {
        self.holds_fast() && self.at.load().as_deref().is_some_and(|at| at != host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::{Sampling, session::Registry};

    fn hosts(url: &ConnInfo) -> Vec<&str> {
        url.hosts.iter().map(|host| host.name.as_str()).collect()
    }

    #[test]
    fn all_follow_the_fast_lane_to_the_host_that_it_found() {
        let server = Server::new(Sampling::default(), &Arc::default());
        let url =
            ConnInfo::parse("postgres://me@a,b,c/shop?target_session_attrs=primary&load_balance_hosts=random").expect("valid");
        assert_eq!((server.host(&url), hosts(&server.nearest_first(url.clone()))), (None, vec!["a", "b", "c"]));
        server.is_at(&url.hosts[1]);
        server.hold(0, true);
        let first = server.nearest_first(url.clone());
        assert_eq!((hosts(&first), first.load_balance, first.session_attrs), (vec!["b", "a", "c"], false, SessionAttrs::Primary));
        assert_eq!(hosts(&server.beside_the_fast_lane(url.clone())), ["b"]);
        assert!(server.has_moved_from(&url.hosts[0]) && !server.has_moved_from(&url.hosts[1]));
        server.hold(0, false);
        assert_eq!(hosts(&server.beside_the_fast_lane(url.clone())), ["b", "a", "c"], "whoever comes first finds out");
        assert!(!server.has_moved_from(&url.hosts[0]));
    }

    #[test]
    fn the_same_hosts_are_another_server_for_who_wants_another_one() {
        let registry = Registry::default();
        let server = |attrs: &str| {
            let url = ConnInfo::parse(&format!("postgres://me@a,b/shop?target_session_attrs={attrs}")).expect("valid");
            registry.server(&url, &Sampling::default())
        };
        let (primary, standby) = (server("primary"), server("standby"));
        assert!(!Arc::ptr_eq(&primary, &standby) && Arc::ptr_eq(&primary, &server("primary")));
    }

    #[test]
    fn a_single_host_is_where_the_server_is() {
        let url = ConnInfo::parse("postgres://me@a/shop?target_session_attrs=primary").expect("valid");
        let server = Registry::default().server(&url, &Sampling::default());
        assert_eq!(server.host(&url).map(|host| host.name), Some("a".to_owned()));
        assert_eq!(server.beside_the_fast_lane(url).session_attrs, SessionAttrs::Primary);
    }
}
