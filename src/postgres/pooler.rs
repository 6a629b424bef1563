//! Whether a pooler stands between here and PostgreSQL.
//!
//! A pooler gives each client a key of its own to cancel statements with, and knows by it which client asks. PostgreSQL
//! gives the number of the process that serves the client. Where the two differ, somebody stands between.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::{Ready, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};
use tokio_postgres::{CancelToken, Client, Error, SimpleQueryMessage};

/// What a connection leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    /// A pooler stands before the server.
    pub is_pooled: bool,
    /// Statements are taken at READ COMMITTED where they do not say.
    pub reads_committed: bool,
}

const LOOK: &str = "SELECT pg_backend_pid(), current_setting('default_transaction_isolation')";

/// Looks where a connection leads. `is_pooled` is what the user says.
pub(super) async fn look(client: &Client, is_pooled: Option<bool>) -> Result<Found, Error> {
    let answer = client.simple_query(LOOK).await?;
    let row = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let process = row.and_then(|row| row.get(0)?.parse::<i32>().ok());
    let isolation = row.and_then(|row| row.get(1));
    let has_own_key = match key_of(&client.cancel_token()).await {
        Some(key) => process.is_some_and(|process| process != key),
        None => false,
    };
    let is_pooled = is_pooled.unwrap_or(has_own_key);
    Ok(Found { is_pooled, reads_committed: isolation == Some("read committed") })
}

/// Whether a pooler lends connections for a statement at a time: no transaction is possible then.
pub(super) async fn takes_no_transaction(client: &Client) -> Result<bool, Error> {
    match client.batch_execute("BEGIN").await {
        Ok(()) => client.batch_execute("COMMIT").await.map(|()| false),
        Err(error) if error.code() == Some(&SqlState::PROTOCOL_VIOLATION) => Ok(true),
        Err(error) => Err(error),
    }
}

/// The number of the process that a connection was told to name when it cancels.
async fn key_of(token: &CancelToken) -> Option<i32> {
    request_of(token).await?[8..12].try_into().ok().map(i32::from_be_bytes)
}

/// What is sent to cancel a statement: its length, what it is, the process, its secret. The driver says it only to a server.
pub(super) async fn request_of(token: &CancelToken) -> Option<[u8; 16]> {
    let mut paper = Paper::default();
    token.cancel_query_raw(&mut paper, Plain).await.ok()?;
    paper.0.last_chunk().copied()
}

/// Takes what is written for a server, and says yes to encryption.
#[derive(Default)]
struct Paper(Vec<u8>);

impl AsyncRead for &mut Paper {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buffer.remaining() > 0 {
            buffer.put_slice(b"S");
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for &mut Paper {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Encrypts nothing.
struct Plain;

impl<'a> TlsConnect<&'a mut Paper> for Plain {
    type Stream = PlainStream<'a>;
    type Error = io::Error;
    type Future = Ready<io::Result<PlainStream<'a>>>;

    fn connect(self, stream: &'a mut Paper) -> Self::Future {
        ready(Ok(PlainStream(stream)))
    }
}

struct PlainStream<'a>(&'a mut Paper);

impl TlsStream for PlainStream<'_> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for PlainStream<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for PlainStream<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
