//! A small server of HTTP/1.1: a thread for each connection, one request each, and failures on demand.

use std::{
    collections::VecDeque,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// How one call goes wrong.
#[derive(Debug, Clone)]
pub(crate) enum Refusal {
    /// This status, with Retry-After in seconds when given.
    Status(u16, Option<u64>),
    /// This status with these headers.
    With(u16, Vec<(&'static str, String)>),
    /// This status with this body.
    Answer(u16, String),
    /// Slack's Web API: 200 with `ok:false` and this code.
    Code(&'static str),
    /// No answer, ever.
    Hang,
    /// The connection ends before the message is taken.
    Cut,
    /// The message is taken, and the connection ends before that is said.
    CutAfter,
    /// The message is taken, and that is said so much later.
    Slow(Duration),
}

#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(super) fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }

    pub(super) fn is_authorized(&self, token: &str) -> bool {
        self.header("authorization") == Some(&format!("Bearer {token}"))
    }
}

#[derive(Debug, Clone)]
pub(super) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    /// Its last bytes never come.
    hangs: bool,
}

impl Answer {
    pub(super) fn new(status: u16, body: impl Into<String>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), hangs: false }
    }

    pub(super) fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::new(status, body.to_string()).with("content-type", "application/json")
    }

    pub(super) fn hanging(mut self) -> Self {
        self.hangs = true;
        self
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// Serves until it is dropped.
pub(super) struct Server {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
    refusals: Arc<Mutex<VecDeque<Refusal>>>,
}

impl Server {
    pub(super) fn start(handle: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST, handle)
    }

    /// At another address of this machine.
    pub(super) fn start_at(address: Ipv4Addr, handle: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((address, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (stopped, refusals) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let (ends, fails, handle) = (Arc::clone(&stopped), Arc::clone(&refusals), Arc::new(handle));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                let (ends, fails, handle) = (Arc::clone(&ends), Arc::clone(&fails), Arc::clone(&handle));
                thread::spawn(move || {
                    let _ = serve(&stream, &ends, &fails, &*handle);
                });
            }
        });
        Self { address, stopped, refusals }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn refuse_next(&self, refusal: Refusal) {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).push_back(refusal);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address); // wakes the listener
    }
}

fn serve(
    stream: &TcpStream,
    stopped: &AtomicBool,
    refusals: &Mutex<VecDeque<Refusal>>,
    handle: &dyn Fn(&Request) -> Answer,
) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let Some(request) = read_request(&mut BufReader::new(stream))? else { return Ok(()) };
    let is_call = request.method == "POST";
    let refusal = if is_call { refusals.lock().unwrap_or_else(PoisonError::into_inner).pop_front() } else { None };
    let answer = match refusal {
        None => handle(&request),
        Some(Refusal::Status(status, after)) => {
            let answer = Answer::new(status, "refused by order");
            after.into_iter().fold(answer, |answer, after| answer.with("retry-after", &after.to_string()))
        }
        Some(Refusal::With(status, headers)) => {
            headers.iter().fold(Answer::new(status, "refused by order"), |answer, (name, value)| answer.with(name, value))
        }
        Some(Refusal::Answer(status, body)) => Answer::new(status, body),
        Some(Refusal::Code(code)) => Answer::json(200, &serde_json::json!({ "ok": false, "error": code })),
        Some(Refusal::Hang) => {
            stream.set_read_timeout(Some(Duration::from_millis(100)))?;
            // until the caller goes, or the test ends
            while !stopped.load(Ordering::Relaxed) && !matches!((&*stream).read(&mut [0]), Ok(0)) {}
            return Ok(());
        }
        Some(Refusal::Cut) => return Ok(()),
        Some(Refusal::CutAfter) => {
            handle(&request);
            return Ok(());
        }
        Some(Refusal::Slow(by)) => {
            let answer = handle(&request);
            thread::sleep(by);
            answer
        }
    };
    write_answer(stream, &answer)?;
    if answer.hangs {
        stream.set_read_timeout(Some(Duration::from_millis(100)))?;
        while !stopped.load(Ordering::Relaxed) && !matches!((&*stream).read(&mut [0]), Ok(0)) {}
    }
    Ok(())
}

fn read_request(from: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (Some(method), Some(path)) = (words.next(), words.next()) else { return Ok(None) };
    let (method, path) = (method.to_owned(), path.to_owned());
    let (headers, body) = read_rest(from)?;
    Ok(Some(Request { method, path, headers, body }))
}

fn read_rest(from: &mut impl BufRead) -> io::Result<(Vec<(String, String)>, Vec<u8>)> {
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if from.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    from.read_exact(&mut body)?;
    Ok((headers, body))
}

fn write_answer(mut to: &TcpStream, answer: &Answer) -> io::Result<()> {
    let length = answer.body.len() + usize::from(answer.hangs);
    let mut head = format!("HTTP/1.1 {} -\r\nconnection: close\r\ncontent-length: {}\r\n", answer.status, length);
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    to.write_all(format!("{head}\r\n{}", answer.body).as_bytes())
}

/// A POST of a double's own, to `http://` alone; the status and the body of the answer.
pub(super) fn post(url: &str, headers: &[(String, String)], body: &[u8]) -> io::Result<(u16, Vec<u8>)> {
    let (host, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).ok_or(io::ErrorKind::InvalidInput)?;
    let stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut head = format!("POST /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    (&stream).write_all(&[format!("{head}\r\n").as_bytes(), body].concat())?;
    let mut from = BufReader::new(&stream);
    let mut line = String::new();
    from.read_line(&mut line)?;
    let status = line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    Ok((status, read_rest(&mut from)?.1))
}
