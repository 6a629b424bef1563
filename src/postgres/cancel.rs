//! Has a server give up a statement.
//!
//! Whoever asks for that over a pooler waits until the connection is closed from there: PgBouncer 1.18 ends, with all its
//! clients, when one goes whose request it is passing on.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_postgres::config::Host;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{CancelToken, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::pooler::request_of;

/// What a client says that wants encryption.
const ENCRYPT: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
const USUAL_PORT: u16 = 5432;

/// The only host of a configuration; none where there are several: nothing says which of them a connection is to.
pub(super) fn only_host(config: &Config) -> Option<(Host, u16)> {
    match config.get_hosts() {
        [host] => Some((host.clone(), config.get_ports().first().copied().unwrap_or(USUAL_PORT))),
        _ => None,
    }
}

/// Asks a pooler to cancel what a connection waits for.
pub(super) async fn ask_pooler(
    token: &CancelToken,
    (host, port): &(Host, u16),
    tls: Option<&MakeRustlsConnect>,
) -> io::Result<()> {
    let Some(request) = request_of(token).await else { return Ok(()) };
    match host {
        Host::Tcp(name) => {
            let mut stream = TcpStream::connect((name.as_str(), *port)).await?;
            let Some(tls) = tls else { return say(&mut stream, &request).await };
            stream.write_all(&ENCRYPT).await?;
            if stream.read_u8().await? != b'S' {
                return Ok(());
            }
            let connector = MakeTlsConnect::<TcpStream>::make_tls_connect(&mut tls.clone(), name);
            let connector = connector.map_err(io::Error::other)?;
            let mut stream = connector.connect(stream).await.map_err(io::Error::other)?;
            say(&mut stream, &request).await
        }
        #[cfg(unix)]
        Host::Unix(folder) => {
            let path = folder.join(format!(".s.PGSQL.{port}"));
            say(&mut tokio::net::UnixStream::connect(path).await?, &request).await
        }
    }
}

/// Says it, and waits until the other side goes.
async fn say(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), request: &[u8]) -> io::Result<()> {
    stream.write_all(request).await?;
    stream.flush().await?;
    stream.read_to_end(&mut Vec::new()).await.map(drop)
}
