//! A node that workers died of, or beside. It is executed alone: who dies then dies of it. After too many deaths it fails.

use std::time::Duration;

use tokio::time::timeout;

use super::coming_again::{LEASE_WAIT, come_again};
use super::context::JobContext;
use super::fate::MessageFate;
use super::leased::{condemned, with_lease};
use crate::error::Result;
use crate::mutants::{Mutant, makes};
use crate::ports::about::About;
use crate::ports::company::Solitude;
use crate::protocol::message::JobMessage;
use crate::workflow::path::shown;

/// How long a job waits here while another one is executed alone, or while it waits to be.
pub const COMPANY_WAIT: Duration = Duration::from_secs(1);
/// How long one that is to be executed alone waits for those that are being executed: one of them may wait for a job that
/// cannot start meanwhile.
const COMPANY_LEAVES: Duration = Duration::from_secs(30);
/// How long a suspect is alone that has a chance left after this one. Most of those that kill do it at once; and when a worker
/// with a hundred nodes has died of something else, the hundredth is not to wait until the others have ended.
const ALONE_AT_FIRST: Duration = Duration::from_secs(5);

/// What becomes of the message of a node that so many workers died of.
pub async fn suspected(context: &JobContext<'_>, message: &JobMessage, deaths: u32) -> Result<MessageFate> {
    let services = context.services;
    let (run, node) = (&message.run_id, &message.node_id);
    if services.leases.are_enough(deaths) {
        return condemned(context, message, deaths).await;
    }
    if makes(Mutant::SuspectsInCompany) {
        services.leases.start_suspect(run, node).await;
        return with_lease(context, message, None).await;
    }
    let solitude = match services.leases.are_enough(deaths + 1) {
        true => Solitude::Throughout,
        false => Solitude::AtFirst,
    };
    warn(context, message, deaths, solitude);
    context.place.set_presence(None);
    let alone = services.platform.company().be_alone(solitude, COMPANY_WAIT, COMPANY_LEAVES).await;
    let is_alone = alone.is_some();
    context.place.set_presence(alone);
    // Only now: while it waited, others may have died.
    if is_alone && services.leases.start_suspect(run, node).await {
        return alone_with_lease(context, message, solitude).await;
    }
    come_again(context, message, LEASE_WAIT, "another node is executed alone").await
}

async fn alone_with_lease(
    context: &JobContext<'_>,
    message: &JobMessage,
    solitude: Solitude,
) -> Result<MessageFate> {
    let mut processed = Box::pin(with_lease(context, message, None));
    if solitude == Solitude::AtFirst {
        if let Ok(fate) = timeout(ALONE_AT_FIRST, &mut processed).await {
            return fate;
        }
        context.place.let_others_in();
    }
    processed.await
}

fn warn(context: &JobContext<'_>, message: &JobMessage, deaths: u32, solitude: Solitude) {
    let (run, node) = (&message.run_id, shown(&message.node_id));
    let died = if deaths == 1 { "worker has died" } else { "workers have died" };
    let for_how_long = match solitude {
        Solitude::AtFirst => format!(" for its first {} s", ALONE_AT_FIRST.as_secs()),
        Solitude::Throughout => String::new(),
    };
    context.services.notices.warn(
        About::run(run).node(node),
        format!("Run '{run}', node '{node}': {deaths} {died} while executing it, or beside it: it is executed alone{for_how_long}"),
    );
}
