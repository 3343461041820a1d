//! Who may read, and who may act. Without tokens everybody may (the configuration refuses that beyond loopback); with them a request
//! carries one as `Authorization: Bearer`, or a session that the page got for one; acting takes the operator's. A session is 256
//! random bits that mean something only here; it ends after a while, with the process, or when too many are open. Failed
//! sign-ins are braked per address: a few at once for people who mistype, then one each few seconds.

use std::{
    collections::HashMap,
    fmt::Write,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use rand::Rng;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use subtle::ConstantTimeEq;

use super::{Settings, answer::Refusal};

/// A working day.
pub(super) const SESSION_LIFE: Duration = Duration::from_hours(12);

/// Sessions open at once; the oldest goes first.
const MOST_SESSIONS: usize = 1_000;

/// Failed sign-ins that an address has free.
const FREE_FAILURES: f64 = 5.0;

/// Then one more each this many seconds.
const SECONDS_PER_FAILURE: f64 = 5.0;

/// Addresses remembered for their failures; a flood from more than these forgets the longest quiet.
const MOST_ADDRESSES: usize = 1_000;

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    /// May read.
    Viewer,
    /// May act too.
    Operator,
}

/// The doorkeeper.
#[derive(Debug)]
pub(super) struct Access {
    viewer: Option<SecretString>,
    operator: Option<SecretString>,
    ingest: Option<SecretString>,
    public_details: bool,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    sessions: HashMap<String, (Role, Instant)>,
    failures: HashMap<IpAddr, (f64, Instant)>,
}

impl Access {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            viewer: settings.viewer_token.clone(),
            operator: settings.operator_token.clone(),
            ingest: settings.ingest_token.clone(),
            public_details: settings.public_details,
            book: Mutex::default(),
        }
    }

    /// Whether this request may read.
    pub(super) fn may_view(&self, now: Instant, bearer: Option<&str>, session: Option<&str>) -> Result<(), Refusal> {
        let open = self.public_details || (self.viewer.is_none() && self.operator.is_none());
        match bearer {
            _ if open => Ok(()),
            Some(token) => self.role(token).map(drop).ok_or(Refusal::WrongToken),
            None => session.and_then(|id| self.session(now, id)).map(drop).ok_or(Refusal::Unauthenticated),
        }
    }

    /// Whether this request may change something; details that are public do not make acting so.
    pub(super) fn may_act(&self, now: Instant, bearer: Option<&str>, session: Option<&str>) -> Result<(), Refusal> {
        if self.viewer.is_none() && self.operator.is_none() {
            return Ok(());
        }
        let role = match bearer {
            Some(token) => self.role(token).ok_or(Refusal::WrongToken)?,
            None => session.and_then(|id| self.session(now, id)).ok_or(Refusal::Unauthenticated)?,
        };
        match role {
            Role::Operator => Ok(()),
            Role::Viewer => Err(Refusal::Forbidden),
        }
    }

    /// Whether this request may tell of applications' pools; details that are public do not make telling so, and a page never tells.
    pub(super) fn may_tell(&self, bearer: Option<&str>) -> Result<(), Refusal> {
        if self.viewer.is_none() && self.operator.is_none() && self.ingest.is_none() {
            return Ok(());
        }
        let token = bearer.ok_or(Refusal::Unauthenticated)?;
        let known = self.ingest.as_ref().is_some_and(|known| known.expose_secret().as_bytes().ct_eq(token.as_bytes()).into());
        if self.role(token).is_some() || known { Ok(()) } else { Err(Refusal::WrongToken) }
    }

    fn role(&self, token: &str) -> Option<Role> {
        // Both are compared whatever the first says, each in constant time.
        let is = |known: &Option<SecretString>| {
            known.as_ref().is_some_and(|known| known.expose_secret().as_bytes().ct_eq(token.as_bytes()).into())
        };
        match (is(&self.operator), is(&self.viewer)) {
            (true, _) => Some(Role::Operator),
            (false, true) => Some(Role::Viewer),
            (false, false) => None,
        }
    }

    fn session(&self, now: Instant, id: &str) -> Option<Role> {
        let book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        book.sessions.get(id).filter(|(_, ends)| now < *ends).map(|(role, _)| *role)
    }

    /// A new session for a token.
    pub(super) fn sign_in(
        &self,
        now: Instant,
        from: Option<IpAddr>,
        token: &str,
        rng: &mut impl Rng,
    ) -> Result<(String, Role), Refusal> {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wait) = from.and_then(|from| book.wait(now, from)) {
            return Err(Refusal::TooManyAttempts(wait));
        }
        let Some(role) = self.role(token) else {
            if let Some(from) = from {
                book.failed(now, from);
            }
            return Err(Refusal::WrongToken);
        };
        book.sessions.retain(|_, (_, ends)| now < *ends);
        if book.sessions.len() >= MOST_SESSIONS
            && let Some(oldest) = book.sessions.iter().min_by_key(|(_, (_, ends))| *ends).map(|(id, _)| id.clone())
        {
            book.sessions.remove(&oldest);
        }
        let id = rng.random::<[u8; 32]>().iter().fold(String::with_capacity(64), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        book.sessions.insert(id.clone(), (role, now + SESSION_LIFE));
        Ok((id, role))
    }

    /// Ends a session; ending one that is not open is fine.
    pub(super) fn sign_out(&self, id: &str) {
        self.book.lock().unwrap_or_else(PoisonError::into_inner).sessions.remove(id);
    }
}

impl Book {
    /// Failures of an address that still count.
    fn counting(&self, now: Instant, from: IpAddr) -> f64 {
        self.failures.get(&from).map_or(0.0, |(failures, last)| {
            (failures - now.saturating_duration_since(*last).as_secs_f64() / SECONDS_PER_FAILURE).max(0.0)
        })
    }

    /// How long an address must wait before it may try, in whole seconds.
    fn wait(&self, now: Instant, from: IpAddr) -> Option<u64> {
        let over = self.counting(now, from) + 1.0 - FREE_FAILURES;
        (over > 0.0).then(|| (over * SECONDS_PER_FAILURE).ceil() as u64)
    }

    fn failed(&mut self, now: Instant, from: IpAddr) {
        let failures = self.counting(now, from) + 1.0;
        if self.failures.len() >= MOST_ADDRESSES
            && !self.failures.contains_key(&from)
            && let Some(quiet) = self.failures.iter().min_by_key(|(_, (_, last))| *last).map(|(from, _)| *from)
        {
            self.failures.remove(&quiet);
        }
        self.failures.insert(from, (failures, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::StdRng};

    const HERE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

    fn access(viewer: Option<&str>, operator: Option<&str>, public_details: bool) -> Access {
        let settings = Settings {
            viewer_token: viewer.map(Into::into),
            operator_token: operator.map(Into::into),
            public_details,
            ..Settings::default()
        };
        Access::new(&settings)
    }

    #[test]
    fn who_may_view() {
        let now = crate::clock::now();
        let table = [
            (None, None, false, None, Ok(())),
            (None, None, false, Some("any"), Ok(())),
            (Some("v"), Some("o"), false, None, Err(Refusal::Unauthenticated)),
            (Some("v"), Some("o"), false, Some("v"), Ok(())),
            (Some("v"), Some("o"), false, Some("o"), Ok(())),
            (Some("v"), Some("o"), false, Some(""), Err(Refusal::WrongToken)),
            (Some("v"), None, false, Some("vv"), Err(Refusal::WrongToken)),
            (None, Some("o"), false, None, Err(Refusal::Unauthenticated)),
            (Some("v"), Some("o"), true, None, Ok(())),
        ];
        for (viewer, operator, public, bearer, expected) in table {
            let got = access(viewer, operator, public).may_view(now, bearer, None);
            assert_eq!(got, expected, "viewer {viewer:?} operator {operator:?} public {public} bearer {bearer:?}");
        }
    }

    #[test]
    fn who_may_act() {
        let now = crate::clock::now();
        let table = [
            (None, None, false, None, Ok(())),
            (None, None, false, Some("any"), Ok(())),
            (Some("v"), Some("o"), false, None, Err(Refusal::Unauthenticated)),
            (Some("v"), Some("o"), true, None, Err(Refusal::Unauthenticated)),
            (Some("v"), Some("o"), true, Some("v"), Err(Refusal::Forbidden)),
            (Some("v"), Some("o"), false, Some("o"), Ok(())),
            (Some("v"), Some("o"), true, Some("x"), Err(Refusal::WrongToken)),
            (Some("v"), None, false, Some("v"), Err(Refusal::Forbidden)),
            (None, Some("o"), false, Some("o"), Ok(())),
            (Some("same"), Some("same"), false, Some("same"), Ok(())),
        ];
        for (viewer, operator, public, bearer, expected) in table {
            let got = access(viewer, operator, public).may_act(now, bearer, None);
            assert_eq!(got, expected, "viewer {viewer:?} operator {operator:?} public {public} bearer {bearer:?}");
        }
        let (access, mut rng) = (access(Some("v"), Some("o"), true), StdRng::seed_from_u64(1));
        for (token, expected) in [("v", Err(Refusal::Forbidden)), ("o", Ok(()))] {
            let (id, _) = access.sign_in(now, HERE, token, &mut rng).unwrap();
            assert_eq!(access.may_act(now, None, Some(&id)), expected, "a session of {token}");
            assert_eq!(access.may_act(now + SESSION_LIFE, None, Some(&id)), Err(Refusal::Unauthenticated));
        }
    }

    #[test]
    fn a_session_lasts_until_it_expires_or_is_ended() {
        let (access, now, mut rng) = (access(Some("v"), Some("o"), false), crate::clock::now(), StdRng::seed_from_u64(1));
        let (id, role) = access.sign_in(now, HERE, "o", &mut rng).unwrap();
        assert_eq!((id.len(), role), (64, Role::Operator));
        assert_eq!(access.may_view(now, None, Some(&id)), Ok(()));
        assert_eq!(access.may_view(now, None, Some(&id[1..])), Err(Refusal::Unauthenticated));
        assert_eq!(access.may_view(now + SESSION_LIFE, None, Some(&id)), Err(Refusal::Unauthenticated));
        access.sign_out(&id);
        assert_eq!(access.may_view(now, None, Some(&id)), Err(Refusal::Unauthenticated));
    }

    #[test]
    fn sessions_are_bounded_and_the_oldest_goes() {
        let (access, now, mut rng) = (access(Some("v"), None, false), crate::clock::now(), StdRng::seed_from_u64(1));
        let (first, _) = access.sign_in(now, HERE, "v", &mut rng).unwrap();
        let later = now + Duration::from_secs(1);
        let ids: Vec<_> = (0..MOST_SESSIONS).map(|_| access.sign_in(later, HERE, "v", &mut rng).unwrap().0).collect();
        assert_eq!(access.may_view(later, None, Some(&first)), Err(Refusal::Unauthenticated));
        assert_eq!(access.may_view(later, None, Some(&ids[0])), Ok(()));
    }

    #[test]
    fn guessing_is_braked_per_address_and_the_brake_lets_go() {
        let (access, now, mut rng) = (access(Some("v"), None, false), crate::clock::now(), StdRng::seed_from_u64(1));
        let mut sign_in = |at, from: &str, token| access.sign_in(at, from.parse().ok(), token, &mut rng).map(drop);
        for _ in 0..5 {
            assert_eq!(sign_in(now, "192.0.2.1", "guess"), Err(Refusal::WrongToken));
        }
        assert_eq!(sign_in(now, "192.0.2.1", "v"), Err(Refusal::TooManyAttempts(5)));
        assert_eq!(sign_in(now, "192.0.2.2", "v"), Ok(()), "another address is not braked");
        assert_eq!(sign_in(now + Duration::from_secs(5), "192.0.2.1", "v"), Ok(()));
    }
}
