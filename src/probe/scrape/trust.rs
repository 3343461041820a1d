//! Why TLS with a page's server came to nothing, and what to do about it. Pure.

use std::{error::Error, io};

use rustls::{
    CertificateError::{
        Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet, NotValidYetContext, UnknownIssuer,
    },
    Error::{InvalidCertificate, InvalidMessage},
};

use crate::probe::classify::bounded;

/// What TLS says of it, and the fix; none when TLS is not what broke the connection.
pub fn refused(error: &(dyn Error + 'static)) -> Option<(String, &'static str)> {
    let error = of_tls(error)?;
    let fix = match error {
        InvalidCertificate(UnknownIssuer) => {
            "add the authority of its certificate to those of this machine, or name a file with all that are to be trusted in SSL_CERT_FILE"
        }
        InvalidCertificate(NotValidForName | NotValidForNameContext { .. }) => {
            "write a host that the certificate names in `metrics_url`"
        }
        InvalidCertificate(Expired | ExpiredContext { .. }) => "renew the server's certificate; or correct this machine's clock",
        InvalidCertificate(NotValidYet | NotValidYetContext { .. }) => {
            "correct this machine's clock, or that of whoever certified the server"
        }
        InvalidMessage(_) => "write http:// in `metrics_url`, or the port that speaks TLS",
        _ => "check the server's certificate, and which versions of TLS it speaks",
    };
    Some((format!("TLS failed: {}", bounded(&error.to_string())), fix))
}

fn of_tls<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // What it holds is not among its sources.
        let held =
            error.downcast_ref::<io::Error>().and_then(io::Error::get_ref).map(|held| -> &'a (dyn Error + 'static) { held });
        cause = held.or_else(|| error.source());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_has_its_fix_and_what_is_not_of_tls_has_none() {
        let fix =
            |error: rustls::Error| refused(&io::Error::other(io::Error::other(error))).map(|(_, fix)| fix).unwrap_or_default();
        assert!(fix(InvalidCertificate(UnknownIssuer)).contains("SSL_CERT_FILE"));
        assert!(fix(InvalidCertificate(NotValidForName)).contains("`metrics_url`"));
        assert!(fix(InvalidCertificate(Expired)).contains("renew"));
        assert!(fix(InvalidMessage(rustls::InvalidMessage::InvalidContentType)).contains("http://"));
        assert_eq!(refused(&io::Error::other("reset")), None);
    }
}
