//! A parcel as a mail: headers that thread an incident and tell machines that no person wrote it, text, HTML, and the picture.
//!
//! The subject without what stands in brackets is the same for all mails of an incident: some mail programs thread by references and
//! subject together, and leave brackets out.

use lettre::{
    Message,
    message::{
        Attachment, Mailbox, MultiPart, SinglePart,
        header::{HeaderName, HeaderValue},
    },
};

use super::{html, text};
use crate::{
    alert::{
        channels::Parcel,
        message::{self, Notice, Templates, chart},
    },
    model::{Severity, alert::AlertEvent},
};

/// A mail ready to go.
pub(super) struct Letter {
    /// The mail.
    pub message: Message,
    /// Its own id, with the angle brackets.
    pub id: String,
}

/// A subject of more characters is cut by everybody who shows it.
const SUBJECT: usize = 200;

/// How the HTML names the picture.
const PICTURE: &str = "chart@isobar";

/// Writes the mail for the parcel's recipient, or for all of them when it names none.
pub(super) fn write(parcel: &Parcel, from: &Mailbox, to: &[String], templates: &Templates) -> Result<Letter, String> {
    let mut notice = message::compose(parcel);
    let worded = templates.apply(&notice);
    let id = format!("<{}@{}>", parcel.key, from.email.domain());
    let subject = if worded.title == notice.title { subject(parcel) } else { worded.title.clone() };
    notice.title = worded.title;
    notice.notes.extend(worded.problem.map(|problem| format!("This channel's own words were passed over: {problem}.")));
    let mut builder = Message::builder()
        .from(from.clone())
        .date(parcel.now.0.into())
        .subject(message::line(&subject, SUBJECT))
        .message_id(Some(id.clone()));
    let all = parcel.order.lane.recipient.as_ref().map_or(to, std::slice::from_ref);
    for to in all {
        builder = builder.to(to.parse().map_err(|error| format!("`{}` is no address: {error}", message::line(to, SUBJECT)))?);
    }
    if let Some(first) = parcel.reference.as_deref().filter(|first| *first != id && is_id(first)) {
        builder = builder.in_reply_to(first.to_owned()).references(first.to_owned());
    }
    for (name, value) in marks(parcel) {
        builder = builder.raw_header(HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned()));
    }
    let body = worded.body.as_deref();
    let picture = parcel.order.alert().filter(|_| parcel.order.event != AlertEvent::Digest).and_then(|alert| chart::draw(alert));
    let shown = picture.as_ref().filter(|_| body.is_none());
    let html = SinglePart::html(page(parcel, &notice, body, shown));
    let plain = SinglePart::plain(body.map_or_else(|| text::lay_out(&notice), str::to_owned));
    let alternative = MultiPart::alternative().singlepart(plain);
    let whole = match shown.map(|picture| picture.png.clone()) {
        None => alternative.singlepart(html),
        Some(png) => {
            let kind = "image/png".parse().map_err(|_| "no picture can be attached".to_owned())?;
            let picture = Attachment::new_inline_with_name(PICTURE.to_owned(), "chart.png".to_owned()).body(png, kind);
            alternative.multipart(MultiPart::related().singlepart(html).singlepart(picture))
        }
    };
    let message = builder.multipart(whole).map_err(|error| format!("the mail cannot be written: {error}"))?;
    Ok(Letter { message, id })
}

/// `[FIRING critical] database_down on us-east-1/marketing`.
fn subject(parcel: &Parcel) -> String {
    let headline = message::headline(parcel);
    match headline.what.as_str() {
        "" => format!("[Isobar] {}", headline.subject),
        what => format!("[{what}] {}", headline.subject),
    }
}

/// What is said to machines: no out-of-office answers, and how urgent it is.
fn marks(parcel: &Parcel) -> Vec<(&'static str, &'static str)> {
    let mut marks = vec![("Auto-Submitted", "auto-generated"), ("X-Auto-Response-Suppress", "All")];
    let urgent = !matches!(parcel.order.event, AlertEvent::Resolved | AlertEvent::Acknowledged | AlertEvent::Test);
    if urgent && parcel.order.severity == Severity::Critical {
        marks.extend([("X-Priority", "1 (Highest)"), ("Importance", "high")]);
    }
    marks
}

/// Whether a reference of before can stand in a header.
fn is_id(reference: &str) -> bool {
    reference.starts_with('<') && reference.ends_with('>') && reference.chars().all(|letter| letter.is_ascii_graphic())
}

fn page(parcel: &Parcel, notice: &Notice, body: Option<&str>, picture: Option<&chart::Picture>) -> String {
    let picture = picture.map(|picture| (PICTURE, picture.caption.as_str(), picture.range.as_str()));
    body.map_or_else(|| html::lay_out(notice, html::tone(parcel), picture), html::words)
}

#[cfg(test)]
mod tests;
