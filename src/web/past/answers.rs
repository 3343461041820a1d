//! Questions about the past, answered by whoever keeps it: in turns, since each takes a thread for some milliseconds.

use std::sync::Arc;

use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{self, Data, Path, Query},
};
use serde_json::json;

use super::{
    super::{
        State,
        answer::{Refusal, past},
        asker::Viewer,
        views,
    },
    Asked, PATIENCE, statements,
};
use crate::{
    clock,
    model::{TargetId, history::Past},
};

type Of = Path<(String, String)>;

/// `.../history`: of one figure its series, of several a list.
pub(in crate::web) async fn history(
    _: Viewer,
    state: Data<State>,
    path: Of,
    query: Query<Asked>,
) -> Result<HttpResponse, Refusal> {
    let question = query.question(&target(&state, &path)?, clock::wall()).map_err(Refusal::BadRequest)?;
    match asked(&state, move |kept| kept.series(&question)).await?.as_slice() {
        [one] => past(StatusCode::OK, one),
        all => past(StatusCode::OK, &json!({ "series": all })),
    }
}

/// `.../queries/history`: what the costliest statements cost.
pub(in crate::web) async fn queries(
    _: Viewer,
    state: Data<State>,
    path: Of,
    query: Query<statements::Asked>,
) -> Result<HttpResponse, Refusal> {
    let target = target(&state, &path)?;
    let (from, to) = query.span(clock::wall()).map_err(Refusal::BadRequest)?;
    let costliest = asked(&state, move |kept| Ok(statements::costliest(kept.statements(&target, from, to)?, from, to)));
    past(StatusCode::OK, &costliest.await?)
}

fn target(state: &State, path: &Of) -> Result<TargetId, Refusal> {
    Ok(views::target(&state.shared.world.load(), &path.0, &path.1)?.report.id())
}

async fn asked<T: Send + 'static>(
    state: &State,
    question: impl FnOnce(&Arc<dyn Past>) -> Result<T, String> + Send + 'static,
) -> Result<T, Refusal> {
    let kept = state.shared.history.clone();
    let kept = kept.ok_or(Refusal::NotReady("history is not kept here; [history] path in global.toml says where to"))?;
    let turn = tokio::time::timeout(PATIENCE, state.past.acquire()).await;
    let busy = Refusal::NotReady("too many questions about the past at once; try again later");
    let _turn = turn.ok().and_then(Result::ok).ok_or(busy)?;
    web::block(move || question(&kept)).await.map_err(|_| Refusal::Internal)?.map_err(|why| {
        tracing::error!("{why}");
        Refusal::NotReady("history cannot be read now; the log says why")
    })
}
