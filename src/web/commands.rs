//! What people and providers do through the API. The only handlers that wait for an actor: they do so within a limit, so that a desk
//! that hangs costs its askers some seconds and the rest of the API nothing.
//!
//! Providers' calls are public: their signature is the proof, and only the alert stage can check it. So the body goes there exactly as it
//! came.

use std::time::Duration;

use actix::{Message, Recipient};
use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Path, Payload},
};
use bytes::Bytes;
use serde_json::json;

use super::{
    AlertDoors, State, alerts,
    answer::{Refusal, json},
    asker::{Operator, is_json},
};
use crate::model::alert::{AlertRefusal, Callback, EndSilence, Provider, TestChannel};

/// The desk decides at once; it only waits for the disk.
const DESK_LIMIT: Duration = Duration::from_secs(5);

/// A channel may take 15 s for its call, and wait for its turn before.
const TEST_LIMIT: Duration = Duration::from_secs(25);

/// Slack shows an error to whoever pressed the button after 3 s.
const CALLBACK_LIMIT: Duration = Duration::from_millis(2_500);

/// A body follows its head at once, or it is an attack.
const BODY_LIMIT: Duration = Duration::from_secs(5);

/// What people write.
const LONGEST_BODY: usize = 16 << 10;

/// What providers send: Slack's comes with the whole message.
const LONGEST_CALLBACK: usize = 64 << 10;

type Answered = Result<HttpResponse, Refusal>;

/// `POST /api/alerts/{id}/ack`.
pub(super) async fn acknowledge(
    _: Operator,
    request: HttpRequest,
    state: Data<State>,
    id: Path<String>,
    body: Payload,
) -> Answered {
    let command = alerts::acknowledge(id.into_inner(), &json_body(&request, body).await?)?;
    let answer = ask(&state, |doors| &doors.acknowledge, command, DESK_LIMIT).await?;
    let alert = answer.map_err(|refusal| refused(refusal, alerts::NO_SUCH_ALERT, Refusal::Conflict))?;
    json(StatusCode::OK, &alert)
}

/// `POST /api/silences`.
pub(super) async fn silence(_: Operator, request: HttpRequest, state: Data<State>, body: Payload) -> Answered {
    let command = alerts::silence(&json_body(&request, body).await?)?;
    let answer = ask(&state, |doors| &doors.silence, command, DESK_LIMIT).await?;
    json(StatusCode::CREATED, &answer.map_err(|refusal| refused(refusal, NO_SUCH_SILENCE, Refusal::BadRequest))?)
}

/// `DELETE /api/silences/{id}`.
pub(super) async fn end_silence(_: Operator, state: Data<State>, id: Path<String>) -> Answered {
    let answer = ask(&state, |doors| &doors.end_silence, EndSilence(id.into_inner()), DESK_LIMIT).await?;
    answer.map_err(|refusal| refused(refusal, NO_SUCH_SILENCE, Refusal::Conflict))?;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /api/channels/{name}/test`.
pub(super) async fn test_channel(_: Operator, state: Data<State>, name: Path<String>) -> Answered {
    let answer = ask(&state, |doors| &doors.test, TestChannel(name.into_inner()), TEST_LIMIT).await?;
    let said = answer.map_err(|refusal| refused(refusal, "no_such_channel", Refusal::ChannelFailed))?;
    json(StatusCode::OK, &json!({ "answer": said }))
}

/// `POST /api/slack/actions`. Slack shows people the text of a 200 only.
pub(super) async fn slack_action(request: HttpRequest, state: Data<State>, body: Payload) -> Answered {
    match callback(Provider::Slack, &request, &state, body).await? {
        Err(AlertRefusal::NotFound(said) | AlertRefusal::Invalid(said)) => {
            json(StatusCode::OK, &json!({ "response_type": "ephemeral", "replace_original": false, "text": said }))
        }
        answer => called_back(answer),
    }
}

/// `POST /api/qstash/callback`.
pub(super) async fn qstash_callback(request: HttpRequest, state: Data<State>, body: Payload) -> Answered {
    called_back(callback(Provider::Qstash, &request, &state, body).await?)
}

/// People press buttons one at a time, and QStash tries again.
pub(super) const CALLBACKS_AT_ONCE: usize = 4;

const NO_SUCH_SILENCE: &str = "no_such_silence";

async fn callback(
    provider: Provider,
    request: &HttpRequest,
    state: &State,
    body: Payload,
) -> Result<Result<String, AlertRefusal>, Refusal> {
    let headers = request.headers().iter().filter_map(|(name, value)| {
        // Names are lower case already; a value that is not text is no signature.
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    });
    let headers = headers.collect();
    let body = whole(body, LONGEST_CALLBACK).await?.to_vec();
    let Ok(_turn) = state.callbacks.try_acquire() else {
        return Err(Refusal::NotReady("too many callbacks at once; try again soon"));
    };
    ask(state, |doors| &doors.callback, Callback { provider, headers, body }, CALLBACK_LIMIT).await
}

fn called_back(answer: Result<String, AlertRefusal>) -> Answered {
    let said = answer.map_err(|refusal| refused(refusal, "not_found", Refusal::BadRequest))?;
    Ok(HttpResponse::Ok().content_type("application/json").body(said))
}

fn refused(refusal: AlertRefusal, missing: &'static str, invalid: fn(String) -> Refusal) -> Refusal {
    match refusal {
        AlertRefusal::NotFound(said) => Refusal::NoSuch { code: missing, said },
        AlertRefusal::Invalid(said) => invalid(said),
        AlertRefusal::Forbidden(said) => Refusal::BadSignature(said),
    }
}

async fn ask<M>(
    state: &State,
    door: impl Fn(&AlertDoors) -> &Recipient<M>,
    message: M,
    limit: Duration,
) -> Result<M::Result, Refusal>
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    let desk =
        state.shared.desk.load_full().ok_or(Refusal::NotReady("nobody takes commands about alerts yet; try again soon"))?;
    match tokio::time::timeout(limit, door(&desk).send(message)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) => Err(Refusal::NotReady("the alert desk has just ended; try again soon")),
        Err(_) => Err(Refusal::NotReady("the alert desk did not answer in time; look whether it was done before you try again")),
    }
}

async fn json_body(request: &HttpRequest, body: Payload) -> Result<Bytes, Refusal> {
    if !is_json(request) {
        return Err(Refusal::NotJson);
    }
    whole(body, LONGEST_BODY).await
}

/// The body, when it comes whole and in time and is no longer than that.
pub(super) async fn whole(body: Payload, longest: usize) -> Result<Bytes, Refusal> {
    let arrived = tokio::time::timeout(BODY_LIMIT, body.to_bytes_limited(longest)).await;
    let not_whole = || Refusal::BadRequest("the body did not arrive whole".to_owned());
    arrived.map_err(|_| not_whole())?.map_err(|_| Refusal::BodyTooLarge(longest))?.map_err(|_| not_whole())
}
