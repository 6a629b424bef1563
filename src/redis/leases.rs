//! Takes leases and gives them up, many in one script. A script is atomic: no other client comes between reading and writing
//! a lease.

use std::borrow::Cow;
use std::slice;
use std::sync::Arc;

use futures_util::future::join_all;
use redis::{Script, ScriptInvocation};

use super::connection::Connections;
use crate::error::{Error, Result};
use crate::ports::coordination::{Acquired, DEATHS_STAY, GIVEN_UP_STAYS, Lease, Stage, Start};
use crate::ports::keys;

/// What both scripts know of notes. Beside a lease stands what is noted of its execution: the round, `-` where none was
/// named; how many workers died of it; and who has started it, `-` once that is over. A key that is no lease's own has no
/// note. The rules are those of `memory/deaths.rs`.
const NOTES: &str = "
    local STAYS = ARGV[2]
    local function read(key)
        local note = redis.pcall('GET', key)
        if type(note) ~= 'string' then return nil, 0, nil end
        local round, deaths, started = string.match(note, '^(%S+) (%d+) (.+)$')
        if started == '-' then started = nil end
        return tonumber(round), tonumber(deaths) or 0, started
    end
    local function keep(key, round, deaths, started)
        if deaths == 0 and not started then return redis.call('DEL', key) end
        local note = (round or '-') .. ' ' .. deaths .. ' ' .. (started or '-')
        -- Where memory is short, Redis refuses what needs some: the lease is worth more than the count.
        local kept = redis.pcall('SET', key, note, 'EX', STAYS)
        if kept.err then redis.call('DEL', key) end
    end
    local function worker(owner) return string.match(owner, '^(.*)#') or owner end
";

/// Answers for each key: 0 if another owner has it, 1 if its owner has it now, 2 if it did not exist and so was not given up
/// recently; more if workers died of what it is for, by their number. A value that is not a string is no lease.
const ACQUIRE: &str = "
    local function noted(key, owner, round, stage)
        local of, deaths, started = read(key)
        if of and round and round > of then of, deaths, started = nil, 0, nil end
        if started and worker(started) ~= worker(owner) then deaths = deaths + 1 end
        if of and round and round < of then
            keep(key, of, deaths, nil)
            return 0
        end
        local starts = stage == 'started' or (stage == 'starts' and deaths == 0)
        keep(key, round or of, deaths, starts and owner or nil)
        return deaths
    end
    local taken = {}
    for i = 1, #KEYS / 2 do
        local key, note, at = KEYS[2 * i - 1], KEYS[2 * i], 4 * i - 1
        local owner, ttl, held = ARGV[at], ARGV[at + 1], redis.pcall('GET', key)
        if type(held) == 'string' and held ~= owner and held ~= ARGV[1] then
            taken[i] = 0
        else
            redis.call('SET', key, owner, 'EX', ttl)
            taken[i] = held == false and 2 or 1
            if note ~= key then
                local deaths = noted(note, owner, tonumber(ARGV[at + 2]), ARGV[at + 3])
                if deaths > 0 then taken[i] = 2 + deaths end
            end
        end
    end
    return taken";

/// Gives up every key that its owner still has. For a while the key holds the reconciler's mark, which blocks nobody.
const RELEASE: &str = "
    for i = 1, #KEYS / 2 do
        local key, note, owner, stage = KEYS[2 * i - 1], KEYS[2 * i], ARGV[2 * i + 2], ARGV[2 * i + 3]
        local had_it = redis.pcall('GET', key) == owner
        if had_it then
            -- Where memory is short, Redis refuses what needs some, and takes what frees some.
            local marked = redis.pcall('SET', key, ARGV[1], 'EX', ARGV[3])
            if marked.err then redis.call('DEL', key) end
        end
        if note ~= key and had_it and stage == 'answered' then
            redis.call('DEL', note)
        elseif note ~= key then
            local round, deaths, started = read(note)
            if started == owner then
                if stage == 'answered' then deaths = 0 elseif stage == 'died' then deaths = deaths + 1 end
                keep(note, round, deaths, nil)
            end
        end
    end";

/// The leases of one Redis.
pub(super) struct LeaseScripts {
    connections: Arc<Connections>,
    prefix: String,
    acquire: Script,
    release: Script,
}

impl LeaseScripts {
    pub fn new(connections: Arc<Connections>, prefix: String) -> Self {
        Self { connections, prefix, acquire: script(ACQUIRE), release: script(RELEASE) }
    }

    /// Takes or renews leases.
    pub async fn acquire(&self, leases: &[Lease]) -> Vec<Result<Acquired>> {
        let scripts = self.scripts(leases).map(|together| self.acquire_together(together));
        join_all(scripts).await.into_iter().flatten().collect()
    }

    /// Gives leases up.
    pub async fn release(&self, leases: &[Lease]) -> Result<()> {
        let scripts = self.scripts(leases).map(|together| self.release_together(together));
        join_all(scripts).await.into_iter().collect()
    }

    /// The leases of each script. Keys of a Cluster get one script each; all scripts run at the same time.
    fn scripts<'a>(&self, leases: &'a [Lease]) -> slice::Chunks<'a, Lease> {
        let size = if self.connections.has_one_server() { leases.len() } else { 1 };
        leases.chunks(size.max(1))
    }

    async fn acquire_together(&self, leases: &[Lease]) -> Vec<Result<Acquired>> {
        let mut invocation = self.acquire.arg(keys::RECONCILER_MARK);
        invocation.arg(DEATHS_STAY);
        for lease in leases {
            self.name(&mut invocation, lease);
            let Lease { owner, ttl, start, .. } = lease;
            invocation.arg(owner).arg(ttl);
            match start.and_then(|start| start.round) {
                Some(round) => invocation.arg(round),
                None => invocation.arg(""),
            };
            invocation.arg(stage(*start));
        }
        let acquired = |taken| match taken {
            0 => Acquired::No,
            1 => Acquired::Yes,
            2 => Acquired::Fresh,
            more => Acquired::Suspect(more - 2),
        };
        match self.connections.invoke::<Vec<u32>>(&invocation).await {
            Ok(taken) => taken.into_iter().map(|taken| Ok(acquired(taken))).collect(),
            Err(error) => leases.iter().map(|_| Err::<Acquired, Error>(error.clone())).collect(),
        }
    }

    async fn release_together(&self, leases: &[Lease]) -> Result<()> {
        let mut invocation = self.release.arg(keys::RECONCILER_MARK);
        invocation.arg(DEATHS_STAY).arg(GIVEN_UP_STAYS);
        for lease in leases {
            self.name(&mut invocation, lease);
            invocation.arg(&lease.owner).arg(stage(lease.start));
        }
        self.connections.invoke(&invocation).await
    }

    /// Names the key of a lease and that of its note; twice the same where nothing is noted.
    fn name(&self, invocation: &mut ScriptInvocation<'_>, lease: &Lease) {
        let key = self.key(&lease.key);
        let is_one_server = self.connections.has_one_server();
        match lease.start.and_then(|_| note_of(&self.prefix, &lease.key, is_one_server)) {
            Some(note) => invocation.key(&*key).key(note),
            None => invocation.key(&*key).key(&*key),
        };
    }

    fn key<'a>(&self, key: &'a str) -> Cow<'a, str> {
        match self.prefix.as_str() {
            "" => key.into(),
            prefix => format!("{prefix}{key}").into(),
        }
    }
}

fn script(code: &str) -> Script {
    Script::new(&format!("{NOTES}{code}"))
}

/// The key of what is noted beside a lease. In a Cluster it has to be where the lease is; none for the rare key that has
/// no neighbour: under such a lease no deaths are counted.
fn note_of(prefix: &str, lease: &str, is_one_server: bool) -> Option<String> {
    let plain = || format!("{prefix}{}", keys::started(lease));
    if is_one_server {
        return Some(plain());
    }
    let full = format!("{prefix}{lease}");
    match full.split_once('{').map(|(_, rest)| rest.find('}')) {
        // What stands between the first pair of braces says where it is.
        Some(Some(length)) if length > 0 => Some(plain()),
        None if !full.contains('}') => Some(format!("{prefix}{}{{{full}}}", keys::STARTED)),
        _ => None,
    }
}

fn stage(start: Option<Start>) -> &'static str {
    match start.map(|start| start.stage) {
        Some(Stage::Starts) => "starts",
        Some(Stage::Started) => "started",
        Some(Stage::Answered) => "answered",
        Some(Stage::Died) => "died",
        Some(Stage::Waits) | None => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_where_its_lease_is() {
        let lease = |run: &str| keys::node_lock(run, "n");
        for (prefix, run, expected) in [
            ("", "r", Some("flowcraft:started:{flowcraft:nodelock:r:n}")),
            ("app:", "r", Some("app:flowcraft:started:{app:flowcraft:nodelock:r:n}")),
            ("{app}:", "r", Some("{app}:flowcraft:started:r:n")),
            ("", "a{b}c", Some("flowcraft:started:a{b}c:n")),
            ("", "a{}c", None),
            ("", "a{c", None),
            ("", "a}c", None),
        ] {
            assert_eq!(note_of(prefix, &lease(run), false).as_deref(), expected, "{prefix} {run}");
            assert_eq!(
                note_of(prefix, &lease(run), true),
                Some(format!("{prefix}flowcraft:started:{run}:n"))
            );
        }
    }
}
