//! A sandbox from its start to its end.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use concordat_codec::form;
use concordat_domain::ids::{CaseId, EventId};
use concordat_node::clock::{Clock as _, SystemClock};
use concordat_node::sandbox::PATIENCE;
use concordat_node::{Emission, Ruling, Stage};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Start;
use super::cast::Part;
use super::clock::{self, By, Speed, moment};
use super::control::{self, Asked, Request, Standing};
use super::ready::{Ready, Sample};
use super::samples::{self, Act};
use super::served::{Place, Served};
use crate::exit::Failure;
use crate::output::Format;
use crate::secret_file;
use crate::signals::Signals;

/// How often the clock's hands are moved, and what they show is kept.
const TICK: Duration = Duration::from_millis(100);
/// What is asked at once of a sandbox; more callers wait.
const ASKED_MAX: usize = 8;
/// What a sandbox that stays must know of itself.
const STATE_FILE: &str = "sandbox.json";

/// Kept beside keys, stores and log.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    now: Timestamp,
    samples: Vec<Sample>,
}

/// Starts a sandbox, says where everything is, and keeps it up until it is told to stop.
pub(super) fn run(asked: &Start, format: Format) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("no runtime")?;
    let temporary = match asked.data {
        Some(_) => None,
        None => Some(tempfile::Builder::new().prefix(control::PREFIX).tempdir()?),
    };
    let place = match (&asked.data, &temporary) {
        (Some(directory), _) => {
            secret_file::make_directory(directory)?;
            let directory = fs::canonicalize(directory)?;
            return runtime.block_on(keep_up(asked, format, &directory, true));
        }
        (None, Some(temporary)) => temporary.path(),
        (None, None) => return Err(anyhow!("there is no place for a sandbox").into()),
    };
    runtime.block_on(keep_up(asked, format, place, false))
}

async fn keep_up(
    asked: &Start,
    format: Format,
    directory: &Path,
    stays: bool,
) -> Result<(), Failure> {
    let began = Instant::now();
    let mut signals = Signals::listen()?;
    let listener = control::listen(directory)?;
    let place = Place { directory, stays };
    let kept = read_kept(directory, stays)?;
    let started = tokio::select! {
        started = begin(asked, &place, kept) => started,
        signal = signals.next() => return Err(Failure::Signal(signal)),
    };
    let (mut served, samples) = started?;
    Ready {
        now: served.sandbox().clock().now(),
        speed: asked.speed.to_string(),
        sandbox: directory.to_owned(),
        stays,
        peers: served.peers(),
        cases: samples.clone(),
        seconds: began.elapsed().as_secs_f64(),
    }
    .tell(format)?;
    eprintln!("concordat: ready sandbox={}", directory.display());
    let (sender, mut asking) = mpsc::channel::<Asked>(ASKED_MAX);
    let mut callers = JoinSet::new();
    callers.spawn(control::serve(listener, sender));
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut speed = asked.speed;
    let mut last = Instant::now();
    let outcome = loop {
        tokio::select! {
            signal = signals.next() => {
                eprintln!("concordat: {signal}: stopping; once more ends at once");
                break Ok(());
            }
            failure = served.failed() => break Err(failure),
            _ = ticks.tick() => {
                served.sandbox().clock().advance(speed.over(last.elapsed()));
                last = Instant::now();
                if stays {
                    keep(directory, &served, &samples)?;
                }
            }
            Some((request, answer)) = asking.recv() => {
                let done = tokio::select! {
                    done = obey(&mut served, &mut speed, request) => done,
                    signal = signals.next() => {
                        eprintln!("concordat: {signal}: stopping; once more ends at once");
                        break Ok(());
                    }
                };
                // Time did not pass by itself while the clock was moved by hand.
                last = Instant::now();
                // Who has gone hears it from `status`.
                let _ = answer.send(done);
            }
        }
    };
    if stays {
        keep(directory, &served, &samples)?;
    }
    drop(asking);
    tokio::select! {
        () = async { served.stop().await; while callers.join_next().await.is_some() {} } => {}
        signal = signals.next() => return Err(Failure::Signal(signal)),
    }
    outcome?;
    eprintln!("concordat: stopped");
    Ok(())
}

async fn obey(
    served: &mut Served,
    speed: &mut Speed,
    request: Request,
) -> Result<Standing, Failure> {
    match request {
        Request::Status => {}
        Request::Advance { by } => {
            let by: By = by.parse().map_err(Failure::Usage)?;
            let now = served.sandbox().clock().now();
            served.move_to(by.after(now)?).await?;
        }
        Request::MoveTo { to } => served.move_to(moment(&to).map_err(Failure::Usage)?).await?,
        Request::Speed { speed: wanted } => *speed = wanted.parse().map_err(Failure::Usage)?,
        Request::Peer { name, to } => served.bring(Part::of(&name)?, to).await?,
    }
    Ok(Standing {
        now: served.sandbox().clock().now(),
        speed: speed.to_string(),
        peers: served.peers(),
    })
}

async fn begin(
    asked: &Start,
    place: &Place<'_>,
    kept: Option<Kept>,
) -> Result<(Served, Vec<Sample>), Failure> {
    if let Some(kept) = kept {
        let served = Served::start(place, asked.port_base, kept.now).await?;
        if let Some(start) = asked.start {
            served.move_to(start).await?;
        }
        return Ok((served, kept.samples));
    }
    let now = asked.start.unwrap_or_else(|| SystemClock.now());
    populated(place, asked.port_base, asked.cases, now).await
}

/// A fresh sandbox with so many sample cases, whose clock shows `now` in the end.
pub(super) async fn populated(
    place: &Place<'_>,
    port: u16,
    cases: usize,
    now: Timestamp,
) -> Result<(Served, Vec<Sample>), Failure> {
    let acts = samples::acts(cases, now)?;
    let first = acts.first().map_or(now, |act| act.at);
    let beginning = first - SignedDuration::from_hours(1);
    let served = Served::start(place, port, beginning.min(now)).await?;
    let samples = play(&served, cases, acts).await?;
    served.move_to(now).await?;
    Ok((served, samples))
}

/// Makes the sample cases by the events that would have made them.
async fn play(served: &Served, cases: usize, acts: Vec<Act>) -> Result<Vec<Sample>, Failure> {
    let mut made: Vec<Option<CaseId>> = vec![None; cases];
    for act in acts {
        served.move_to(act.at).await?;
        let known = made.get(act.case).copied().flatten();
        let emission = emission(&act, known)?;
        let receipt = served
            .node(act.who)?
            .emit(emission)
            .await
            .with_context(|| format!("{} of sample case {}", act.event, act.case))?;
        if receipt.ruling != Some(Ruling::Effective) {
            let said = anyhow!(
                "{} of sample case {} is {:?}",
                act.event,
                act.case,
                receipt.ruling
            );
            return Err(said.into());
        }
        if let Some(case) = made.get_mut(act.case) {
            *case = Some(receipt.case);
        }
        // Invitations, offers and grants follow before anybody else acts on it.
        served
            .sandbox()
            .settle()
            .await
            .map_err(anyhow::Error::from)?;
    }
    let samples = made.into_iter().enumerate().filter_map(|(number, case)| {
        let kind = samples::kind(number);
        Some(Sample {
            case: case?.to_string(),
            kind: kind.name.to_owned(),
            shows: kind.shows.to_owned(),
            seen_by: kind.seen_by.iter().map(|code| (*code).to_owned()).collect(),
        })
    });
    Ok(samples.collect())
}

pub(super) fn emission(act: &Act, case: Option<CaseId>) -> Result<Emission, Failure> {
    let mut event_id = [0; 16];
    getrandom::fill(&mut event_id).map_err(|error| anyhow!("no randomness: {error}"))?;
    Ok(Emission {
        event_id: EventId(event_id),
        case,
        input: form::read(act.event, &act.fields).map_err(anyhow::Error::from)?,
        expected: None,
        wait_for: Stage::Ruled,
        wait_at_most: PATIENCE,
        validate_only: false,
        traceparent: None,
    })
}

fn read_kept(directory: &Path, stays: bool) -> Result<Option<Kept>, Failure> {
    let path = directory.join(STATE_FILE);
    if !stays || !path.exists() {
        return Ok(None);
    }
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut kept: Kept = serde_json::from_str(&text)
        .map_err(|error| Failure::Precondition(format!("{}: {error}", path.display())))?;
    // What was signed since it was kept must not lie ahead.
    kept.now = kept
        .now
        .checked_add(SignedDuration::from_mins(1))
        .map_err(|_| clock::too_far())?;
    Ok(Some(kept))
}

/// Written beside and moved into place, so that it is always whole.
fn keep(directory: &Path, served: &Served, samples: &[Sample]) -> Result<(), Failure> {
    let kept = Kept {
        now: served.sandbox().clock().now(),
        samples: samples.to_vec(),
    };
    let fresh = directory.join("sandbox.json.new");
    fs::write(
        &fresh,
        serde_json::to_vec(&kept).map_err(anyhow::Error::from)?,
    )?;
    fs::rename(&fresh, directory.join(STATE_FILE))?;
    Ok(())
}
