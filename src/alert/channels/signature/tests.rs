use chrono::{TimeDelta, Utc};

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp(chrono::DateTime::<Utc>::from_timestamp(seconds, 0).expect("a time"))
}

/// Published by Slack with its documentation.
const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const MADE: i64 = 1_531_420_618;
const BODY: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&\
                    user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com\
                    %2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.\
                    803a0bc887a14d10d2c447fce8b6703c";
const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

#[test]
fn slacks_published_vector_verifies() {
    assert_eq!(slack(&SECRET.into(), &MADE.to_string(), BODY.as_bytes(), SIGNATURE, at(MADE)), Ok(()));
}

#[test]
fn a_call_of_slack_is_believed_once_it_is_whole_and_new() {
    let check = |secret: &str, made: &str, body: &str, signature: &str, now: i64| {
        slack(&secret.into(), made, body.as_bytes(), signature, at(now))
    };
    let made = MADE.to_string();
    for (what, found, expected) in [
        ("five minutes later", check(SECRET, &made, BODY, SIGNATURE, MADE + 300), Ok(())),
        ("a little later still", check(SECRET, &made, BODY, SIGNATURE, MADE + 301), Err(Distrust::Old)),
        ("from the future", check(SECRET, &made, BODY, SIGNATURE, MADE - 301), Err(Distrust::Old)),
        ("another secret", check("other", &made, BODY, SIGNATURE, MADE), Err(Distrust::Wrong)),
        ("another body", check(SECRET, &made, "payload=x", SIGNATURE, MADE), Err(Distrust::Wrong)),
        ("another time", check(SECRET, &(MADE + 1).to_string(), BODY, SIGNATURE, MADE), Err(Distrust::Wrong)),
        ("a shorter signature", check(SECRET, &made, BODY, &SIGNATURE[..20], MADE), Err(Distrust::Missing)),
        ("half a signature", check(SECRET, &made, BODY, &SIGNATURE[..35], MADE), Err(Distrust::Wrong)),
        ("no signature", check(SECRET, &made, BODY, "", MADE), Err(Distrust::Missing)),
        ("no time", check(SECRET, "", BODY, SIGNATURE, MADE), Err(Distrust::Missing)),
        ("a time beyond all numbers", check(SECRET, "99999999999999999999", BODY, SIGNATURE, MADE), Err(Distrust::Missing)),
    ] {
        assert_eq!(found, expected, "{what}");
    }
}

#[test]
fn the_published_vector_of_standard_webhooks_is_reproduced() {
    let signer = WebhookSigner::new(&"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD".into()).expect("a secret");
    let body = br#"{"email":"test@example.com","username":"test_user"}"#;
    let signature = signer.sign("msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1_649_367_553, body);
    assert_eq!(signature, "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=");
}

#[test]
fn a_secret_that_is_no_secret_is_refused_without_being_shown() {
    for bad in ["whsec_", "whsec_c2hvcnQ=", "whsec_!!!!", "password"] {
        let said = WebhookSigner::new(&bad.into()).err().expect("refused");
        assert!(said.contains("`secret`") && !said.contains("c2hvcnQ") && !said.contains("password"), "{said}");
    }
}

const URL: &str = "https://isobar.example.com/api/qstash/callback";

fn jwt(key: &str, header: &str, claims: &str) -> String {
    let encode = |bytes: &[u8]| URL_SAFE.encode(bytes).trim_end_matches('=').to_owned();
    let signed = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
    let mac = hmac(key.as_bytes(), &[signed.as_bytes()]);
    format!("{signed}.{}", encode(&mac))
}

fn claims(issuer: &str, url: &str, from: i64, to: i64, body: &[u8]) -> String {
    let hash = URL_SAFE.encode(Sha256::digest(body)); // with its padding, as their documentation shows it
    format!(r#"{{"iss":"{issuer}","sub":"{url}","nbf":{from},"exp":{to},"iat":{from},"jti":"x","body":"{hash}"}}"#)
}

#[test]
fn a_call_of_qstash_is_believed_when_every_claim_holds() {
    let (current, next): (SecretString, SecretString) = ("sig_current".into(), "sig_next".into());
    let keys = [&current, &next];
    let (now, body) = (at(MADE), b"{}".as_slice());
    let good = claims("Upstash", URL, MADE, MADE + 300, body);
    let hs256 = r#"{"alg":"HS256","typ":"JWT"}"#;
    let later = Timestamp(now.0 + TimeDelta::seconds(311));
    let unsigned = format!("{}.", jwt("", r#"{"alg":"none"}"#, &good).rsplit_once('.').expect("parts").0);
    for (what, jwt, now, expected) in [
        ("current key", jwt("sig_current", hs256, &good), now, Ok(())),
        ("next key", jwt("sig_next", hs256, &good), now, Ok(())),
        ("any other key", jwt("sig_other", hs256, &good), now, Err(Distrust::Wrong)),
        ("another algorithm", jwt("sig_current", r#"{"alg":"none"}"#, &good), now, Err(Distrust::Wrong)),
        ("unsigned", unsigned, now, Err(Distrust::Wrong)),
        ("issuer", jwt("sig_current", hs256, &claims("Else", URL, MADE, MADE + 300, body)), now, Err(Distrust::Stranger)),
        (
            "address",
            jwt("sig_current", hs256, &claims("Upstash", "https://x/", MADE, MADE + 300, body)),
            now,
            Err(Distrust::Stranger),
        ),
        ("body", jwt("sig_current", hs256, &claims("Upstash", URL, MADE, MADE + 300, b"{1}")), now, Err(Distrust::Body)),
        ("expired", jwt("sig_current", hs256, &good), later, Err(Distrust::Old)),
        ("not yet", jwt("sig_current", hs256, &claims("Upstash", URL, MADE + 60, MADE + 360, body)), now, Err(Distrust::Old)),
        ("a little early", jwt("sig_current", hs256, &claims("Upstash", URL, MADE + 5, MADE + 305, body)), now, Ok(())),
        ("two parts", "a.b".into(), now, Err(Distrust::Missing)),
        ("nothing", String::new(), now, Err(Distrust::Missing)),
        ("no claims", jwt("sig_current", hs256, "{}"), now, Err(Distrust::Missing)),
    ] {
        assert_eq!(qstash(&keys, URL, body, &jwt, now), expected, "{what}");
    }
}
