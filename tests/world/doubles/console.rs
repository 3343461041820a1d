//! A pooler's admin console from recorded answers: PgCat's, Odyssey's or PgDog's, whose binaries no package registry has. It holds to
//! the protocol as they do: a password in clear text, one simple query after the other, an error for a command that it does not know,
//! and for anything but a simple query an error and the end of the connection.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

/// The only password that it takes.
const PASSWORD: &str = "console-secret";

/// A running console.
pub(crate) struct Console {
    address: SocketAddr,
    answers: Arc<Mutex<String>>,
}

impl Console {
    /// Serves these answers (`> SHOW POOLS`, columns, rows; see `tests/golden/consoles`) to whoever asks the database `name`.
    pub(crate) fn start(name: &'static str, answers: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let answers = Arc::new(Mutex::new(answers.to_owned()));
        let shared = Arc::clone(&answers);
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let answers = Arc::clone(&shared);
                // A client that goes away ends its thread.
                std::thread::spawn(move || socket.and_then(|socket| serve(socket, name, &answers)));
            }
        });
        Self { address, answers }
    }

    /// What a monitor connects with.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("postgres://stats:{PASSWORD}@{}/{name}?sslmode=disable", self.address)
    }

    /// From now on it answers otherwise.
    pub(crate) fn say(&self, change: impl FnOnce(&str) -> String) {
        let mut answers = self.answers.lock().expect("no panic while held");
        *answers = change(&answers);
    }
}

fn serve(mut socket: TcpStream, name: &str, answers: &Mutex<String>) -> std::io::Result<()> {
    let mut startup = vec![0; usize::try_from(number(&mut socket)?).unwrap_or(4) - 4];
    socket.read_exact(&mut startup)?;
    let words: Vec<_> = startup[4..].split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
    let asked = words.chunks(2).find(|pair| pair[0] == "database").map(|pair| pair[1].as_ref());
    send(&mut socket, b'R', &3_i32.to_be_bytes())?;
    let (kind, said) = message(&mut socket)?;
    if kind != b'p' || said != format!("{PASSWORD}\0").as_bytes() {
        return refuse(&mut socket, "FATAL", "28P01", "password authentication failed");
    }
    if asked != Some(name) {
        return refuse(&mut socket, "FATAL", "3D000", "no such database");
    }
    send(&mut socket, b'R', &0_i32.to_be_bytes())?;
    for (key, value) in [("server_version", "14.0"), ("client_encoding", "UTF8")] {
        send(&mut socket, b'S', format!("{key}\0{value}\0").as_bytes())?;
    }
    send(&mut socket, b'K', &[0; 8])?;
    loop {
        send(&mut socket, b'Z', b"I")?;
        let (kind, said) = message(&mut socket)?;
        match kind {
            b'X' => return Ok(()),
            b'Q' => {
                let command = String::from_utf8_lossy(&said).trim_end_matches(['\0', ';']).to_owned();
                let answers = answers.lock().expect("no panic while held").clone();
                let found = answers.split("> ").find_map(|part| part.strip_prefix(command.as_str())?.strip_prefix('\n'));
                match found {
                    Some(table) => answer(&mut socket, table)?,
                    None => refuse(&mut socket, "ERROR", "42601", "console command error: unknown command")?,
                }
            }
            _ => return refuse(&mut socket, "FATAL", "08P01", "only the simple protocol is supported"),
        }
    }
}

fn answer(socket: &mut TcpStream, table: &str) -> std::io::Result<()> {
    let mut lines = table.lines().filter(|line| !line.is_empty()).map(|line| line.split('|').collect::<Vec<_>>());
    let count = |values: &[&str]| u16::try_from(values.len()).expect("few columns").to_be_bytes().to_vec();
    let columns = lines.next().expect("columns");
    let mut described = count(&columns);
    for name in columns {
        described.extend([name.as_bytes(), b"\0"].concat());
        // Of no table, text, of any length, as text.
        described.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 255, 255, 255, 255, 255, 255, 0, 0]);
    }
    send(socket, b'T', &described)?;
    for row in lines {
        let mut values = count(&row);
        for value in row {
            values.extend(i32::try_from(value.len()).expect("short").to_be_bytes());
            values.extend(value.as_bytes());
        }
        send(socket, b'D', &values)?;
    }
    send(socket, b'C', b"SHOW\0")
}

fn refuse(socket: &mut TcpStream, severity: &str, code: &str, message: &str) -> std::io::Result<()> {
    send(socket, b'E', format!("S{severity}\0V{severity}\0C{code}\0M{message}\0\0").as_bytes())
}

fn send(socket: &mut TcpStream, kind: u8, body: &[u8]) -> std::io::Result<()> {
    let length = i32::try_from(body.len() + 4).expect("a short message").to_be_bytes();
    socket.write_all(&[&[kind], &length[..], body].concat())
}

fn number(socket: &mut TcpStream) -> std::io::Result<i32> {
    let mut bytes = [0; 4];
    socket.read_exact(&mut bytes)?;
    Ok(i32::from_be_bytes(bytes))
}

fn message(socket: &mut TcpStream) -> std::io::Result<(u8, Vec<u8>)> {
    let mut kind = [0];
    socket.read_exact(&mut kind)?;
    let mut body = vec![0; usize::try_from(number(socket)?).unwrap_or(4).saturating_sub(4)];
    socket.read_exact(&mut body)?;
    Ok((kind[0], body))
}
