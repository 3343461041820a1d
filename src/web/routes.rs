//! Which address answers what, to whom. Every address is installed through [`Table`], so that a wrong method is answered with the
//! right ones, and tests can hold the list against `openapi.json`.

use actix_web::{
    App, FromRequest, Handler, HttpRequest, HttpResponse, Responder, ResponseError,
    body::{BoxBody, MessageBody},
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    http::{
        StatusCode,
        header::{self, Accept, Header},
    },
    middleware::{Compress, DefaultHeaders, Next, from_fn},
    web::{self, Data, Path, Query, QueryConfig, ServiceConfig},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    State,
    alerts::{self, Asked},
    answer::{self, Refusal, json},
    applications,
    asker::{Operator, Viewer},
    assets, cluster, commands, metrics, page, past, process, runbooks, stream,
    views::{self, Filter},
};
use crate::{
    clock,
    model::{RegionName, Status, world::Target},
};

/// Longer than any address here can sensibly be.
const LONGEST_URI: usize = 2_048;

/// Every page and answer: nothing but our own files runs, nobody frames us, nothing is guessed or cached.
pub(super) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Where the page shows its views.
const PAGES: [&str; 8] =
    ["/", "/targets", "/targets/{region}/{target}", "/incidents", "/incidents/{id}", "/advice", "/silences", "/status"];

type Answered = Result<HttpResponse, Refusal>;

/// The addresses served, as they are installed.
pub(super) struct Table<'a> {
    app: &'a mut ServiceConfig,
    /// Each address with its methods.
    pub served: Vec<(&'static str, &'static str)>,
}

impl Table<'_> {
    /// An address that is read.
    fn get<F, Args>(&mut self, path: &'static str, handler: F)
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let both = web::resource(path).route(web::get().to(handler.clone())).route(web::head().to(handler));
        self.install(path, "GET, HEAD", both);
    }

    /// An address that something is done at.
    fn post<F, Args>(&mut self, path: &'static str, handler: F)
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.install(path, "POST", web::resource(path).route(web::post().to(handler)));
    }

    fn install(&mut self, path: &'static str, allow: &'static str, resource: actix_web::Resource) {
        let refuse = move || async move { Err::<HttpResponse, _>(Refusal::MethodNotAllowed(allow)) };
        self.app.service(resource.default_service(web::to(refuse)));
        self.served.push((path, allow));
    }
}

fn install(app: &mut ServiceConfig, state: &Data<State>) {
    app.app_data(state.clone());
    app.app_data(QueryConfig::default().error_handler(|error, _| Refusal::BadRequest(format!("query: {error}")).into()));
    addresses(app);
    app.default_service(web::to(page::nowhere));
}

/// Installs the addresses and lists them.
pub(super) fn addresses(app: &mut ServiceConfig) -> Vec<(&'static str, &'static str)> {
    let mut table = Table { app, served: Vec::new() };
    table.get("/api/health", health);
    table.get("/api/health/database", health_database);
    table.get("/api/health/metrics", prometheus);
    table.get("/metrics", prometheus);
    table.get("/api/regions", regions);
    table.get("/api/databases", databases);
    table.get("/api/databases/{region}/{target}", database);
    table.get("/api/databases/{region}/{target}/trends", trends);
    table.get("/api/databases/{region}/{target}/history", past::answers::history);
    table.get("/api/databases/{region}/{target}/queries", queries);
    table.get("/api/databases/{region}/{target}/queries/history", past::answers::queries);
    table.get("/api/databases/{region}/{target}/activity", activity);
    table.get("/api/databases/{region}/{target}/recommendations", recommendations_of);
    table.get("/api/recommendations", recommendations);
    table.install("/api/stream", "GET", web::resource("/api/stream").route(web::get().to(stream::actor::subscribe)));
    table.get("/api/alerts", alert_list);
    table.get("/api/alerts/{id}", alert);
    table.get("/api/alerts/{id}/explain", explain);
    table.get("/api/runbooks/{rule}", runbook);
    table.post("/api/alerts/{id}/ack", commands::acknowledge);
    let both = web::resource("/api/silences").route(web::get().to(silences)).route(web::head().to(silences));
    table.install("/api/silences", "GET, HEAD, POST", both.route(web::post().to(commands::silence)));
    let silence = web::resource("/api/silences/{id}").route(web::delete().to(commands::end_silence));
    table.install("/api/silences/{id}", "DELETE", silence);
    table.get("/api/channels", channels);
    table.post("/api/channels/{name}/test", commands::test_channel);
    table.post("/api/slack/actions", commands::slack_action);
    table.post("/api/qstash/callback", commands::qstash_callback);
    table.post("/v1/metrics", applications::intake::metrics);
    let session = web::resource("/api/session").route(web::post().to(page::sign_in)).route(web::delete().to(page::sign_out));
    table.install("/api/session", "POST, DELETE", session);
    table.get("/livez", livez);
    table.get("/readyz", readyz);
    table.get("/openapi.json", openapi);
    for path in PAGES {
        table.get(path, page::page);
    }
    let asset = web::resource("/assets/{tag}/{path:.*}").route(web::get().to(assets::asset)).route(web::head().to(assets::asset));
    table.install("/assets/{tag}/{path}", "GET, HEAD", asset);
    table.served
}

/// The whole application: the addresses, and what holds for every answer, refusals included.
pub(super) fn app(
    state: Data<State>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    let headers = DefaultHeaders::new()
        .add((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
        .add((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .add((header::REFERRER_POLICY, "no-referrer"))
        .add((header::CACHE_CONTROL, "no-store"));
    App::new().configure(move |app| install(app, &state)).wrap(Compress::default()).wrap(from_fn(bounded)).wrap(headers)
}

async fn bounded(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let long = request.uri().path_and_query().is_some_and(|all| all.as_str().len() > LONGEST_URI);
    if long {
        return Ok(request.into_response(Refusal::UriTooLong(LONGEST_URI).error_response()));
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}

/// The type among `offered` that the request likes best; the first when it says nothing we offer.
fn preferred(request: &HttpRequest, offered: &[&'static str]) -> &'static str {
    let wanted = request.headers().contains_key(header::ACCEPT).then(|| Accept::parse(request).ok()).flatten();
    let named = |wanted: &Accept| {
        wanted.ranked().into_iter().find_map(|mime| match mime.essence_str() {
            "*/*" => Some(offered[0]),
            name => offered.iter().copied().find(|offer| *offer == name),
        })
    };
    wanted.as_ref().and_then(named).unwrap_or(offered[0])
}

#[derive(Deserialize)]
struct OneRegion {
    region: Option<RegionName>,
}

async fn health(request: HttpRequest, state: Data<State>, query: Query<OneRegion>) -> Answered {
    let prepared = state.health.of(&state.shared.world);
    let answer = match &query.region {
        None => &prepared.whole,
        Some(region) => prepared.regions.get(region).ok_or_else(|| Refusal::NoSuchRegion(region.to_string()))?,
    };
    let status = if answer.serving { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let form = preferred(&request, &["application/json", "application/health+json"]);
    let body = if form == "application/json" { answer.json.clone() } else { answer.health_json.clone() };
    Ok(HttpResponse::build(status).insert_header((header::VARY, "Accept")).content_type(form).body(body))
}

async fn health_database(_: Viewer, state: Data<State>, query: Query<Filter>) -> Answered {
    let world = state.shared.world.load();
    match views::database_health(&query.select(&world)?) {
        Some(view) => json(StatusCode::OK, &view),
        None => json(
            StatusCode::INTERNAL_SERVER_ERROR,
            &json!({ "status": "error", "message": "Health check failed", "error": "no database has been seen yet" }),
        ),
    }
}

#[derive(Deserialize)]
struct Scrape {
    #[serde(default)]
    labels: metrics::Style,
}

async fn prometheus(_: Viewer, request: HttpRequest, state: Data<State>, query: Query<Scrape>) -> Answered {
    let format = match preferred(&request, &["text/plain", "application/openmetrics-text"]) {
        "text/plain" => metrics::Format::Text,
        _ => metrics::Format::OpenMetrics,
    };
    let (world, alerts) = (state.shared.world.load_full(), state.shared.alerts.load_full());
    let own = metrics::Own {
        node: state.shared.node.clone(),
        version: state.shared.version,
        started: state.shared.started,
        subscribers: state.seats.load(std::sync::atomic::Ordering::Relaxed),
        process: process::now(),
        bus: state.shared.bus.as_ref().map(|bus| bus.load_full()),
        points: [&state.points[0], &state.points[1]].map(|points| points.load(std::sync::atomic::Ordering::Relaxed)),
        pushes: state.shared.pushes.load_full(),
        keeping: state.shared.keeping.load_full(),
        uploads: state.shared.uploads.load_full(),
        now: clock::now(),
    };
    // A thousand targets take some tens of milliseconds, which the worker has better uses for.
    let style = query.labels;
    let text = web::block(move || metrics::render(&world, &alerts, &own, format, style)).await.map_err(|_| Refusal::Internal)?;
    Ok(HttpResponse::Ok().insert_header((header::VARY, "Accept")).content_type(format.content_type()).body(text))
}

async fn regions(_: Viewer, state: Data<State>) -> Answered {
    let bus = state.shared.bus.as_ref().map(|bus| bus.load_full());
    let world = state.shared.world.load();
    json(StatusCode::OK, &json!({ "regions": views::regions(&world, bus.as_ref(), &state.places, clock::now()) }))
}

#[derive(Deserialize)]
struct Databases {
    region: Option<RegionName>,
    status: Option<Status>,
}

async fn databases(_: Viewer, state: Data<State>, query: Query<Databases>) -> Answered {
    let world = state.shared.world.load();
    let mut selected = Filter { region: query.region.clone(), target: None }.select(&world)?;
    selected.retain(|target| query.status.is_none_or(|only| only == target.report.sample.status));
    json(StatusCode::OK, &json!({ "databases": views::samples(&selected) }))
}

fn about(state: &State, path: &(String, String), view: impl for<'a> FnOnce(&'a Target) -> Answered) -> Answered {
    let world = state.shared.world.load();
    let target = views::target(&world, &path.0, &path.1)?;
    state.interests.tell(clock::now(), &target.report.sample.region);
    view(target)
}

async fn database(_: Viewer, state: Data<State>, path: Path<(String, String)>) -> Answered {
    about(&state, &path, |target| json(StatusCode::OK, &views::details(target)))
}

async fn trends(_: Viewer, state: Data<State>, path: Path<(String, String)>) -> Answered {
    about(&state, &path, |target| {
        answer::past(StatusCode::OK, &views::trends(target, &views::insight(&state.shared.insights.load(), target)))
    })
}

async fn queries(_: Viewer, state: Data<State>, path: Path<(String, String)>) -> Answered {
    about(&state, &path, |target| {
        json(StatusCode::OK, &views::queries(target, &views::insight(&state.shared.insights.load(), target)))
    })
}

async fn activity(_: Viewer, state: Data<State>, path: Path<(String, String)>) -> Answered {
    about(&state, &path, |target| json(StatusCode::OK, &views::activity(target)))
}

async fn recommendations(_: Viewer, state: Data<State>, query: Query<Filter>) -> Answered {
    query.select(&state.shared.world.load())?;
    json(StatusCode::OK, &views::recommendations(&state.shared.advice.load(), &query))
}

async fn recommendations_of(_: Viewer, state: Data<State>, path: Path<(String, String)>) -> Answered {
    about(&state, &path, |target| {
        let id = target.report.id();
        let filter = Filter { region: Some(id.region), target: Some(id.target) };
        json(StatusCode::OK, &views::recommendations(&state.shared.advice.load(), &filter))
    })
}

async fn alert_list(_: Viewer, state: Data<State>, query: Query<Asked>) -> Answered {
    json(StatusCode::OK, &query.selection(clock::wall())?.list(&state.shared.alerts.load()))
}

async fn alert(_: Viewer, state: Data<State>, id: Path<String>) -> Answered {
    json(StatusCode::OK, &alerts::one(&state.shared.alerts.load(), &id)?)
}

async fn explain(_: Viewer, state: Data<State>, id: Path<String>) -> Answered {
    json(StatusCode::OK, &alerts::explain(&state.shared.alerts.load(), &id)?)
}

async fn runbook(_: Viewer, rule: Path<String>) -> Answered {
    let no_such = || Refusal::NoSuch { code: "no_such_rule", said: format!("no rule is called {:?}", rule.as_str()) };
    let page = runbooks::named(&rule).ok_or_else(no_such)?;
    Ok(HttpResponse::Ok().content_type("text/markdown; charset=utf-8").body(page))
}

async fn silences(_: Operator, state: Data<State>) -> Answered {
    json(StatusCode::OK, &json!({ "silences": state.shared.alerts.load().silences }))
}

async fn channels(_: Viewer, state: Data<State>) -> Answered {
    json(StatusCode::OK, &json!({ "channels": state.shared.alerts.load().channels }))
}

async fn livez() -> Answered {
    json(StatusCode::OK, &json!({ "status": "alive" }))
}

async fn readyz(viewer: Result<Viewer, Refusal>, state: Data<State>) -> Answered {
    let world = state.shared.world.load();
    let bus = state.shared.bus.as_ref().map(|bus| bus.load_full());
    let found = cluster::readiness(&world, &state.shared.node, bus.as_deref(), clock::now(), viewer.is_ok());
    let (status, said) =
        if found.lacks.is_empty() { (StatusCode::OK, "ready") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready") };
    // Alerts that are not kept on disk are told all the same: worth knowing, no cause to send traffic elsewhere. Why is not for
    // strangers.
    let why = |why: &String| if viewer.is_ok() { format!(": {why}") } else { String::new() };
    let warning = state.shared.alerts.load().not_kept.as_ref().map(|cause| format!("alerts: not kept on disk{}", why(cause)));
    let past = state.shared.keeping.load().trouble.as_ref().map(|cause| format!("history: not kept on disk{}", why(cause)));
    let uploads = state.shared.uploads.load();
    let rows = [("rows are not taken", &uploads.trouble), ("rows are not kept on disk", &uploads.not_kept)];
    let rows = rows.iter().filter_map(|(what, cause)| cause.as_ref().map(|cause| format!("tinybird: {what}{}", why(cause))));
    let warnings: Vec<String> = warning.into_iter().chain(past).chain(rows).chain(found.warnings).collect();
    json(status, &json!({ "status": said, "notReady": found.lacks, "warnings": warnings }))
}

async fn openapi(state: Data<State>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(OPENAPI.replace(VERSION, state.shared.version))
}

/// Stands in the description for the version of the program that serves it.
const VERSION: &str = "${VERSION}";

/// The description of all this, by hand; tests hold it against the addresses and the answers.
pub(super) const OPENAPI: &str = include_str!("openapi.json");
