//! What the checkers hold the system to, besides that nothing acknowledged is lost.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use headwater_check::{Audience, Once, Promises};
use headwater_models::system::System;

/// `[promise]`: all keys are optional.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Promise {
    /// How often an event may turn up. Default: what the writers' configuration promises.
    pub once: Times,
    /// Events of one writer and lane come in order. Default true.
    pub order: bool,
    /// Copies of each acknowledged event on disks at the end. Default 0: not looked at.
    pub copies: u32,
    /// When the faults are over and `measure.drain` has passed, nothing is outstanding, nothing
    /// that was due in the last 5 s of the traffic is given up, everything acknowledged is read,
    /// and what the models say must hold in the end does. Default false.
    pub converges: bool,
    /// Readers are owed everything by the end of the run. Default true; false where a system may be
    /// left without the servers it needs: acknowledged events behind the last one read then do not
    /// count as lost.
    pub drains: bool,
    /// Copies count only if a sync has made them durable. Default true.
    pub durable: bool,
}

impl Default for Promise {
    fn default() -> Self {
        Self {
            once: Times::Configured,
            order: true,
            copies: 0,
            durable: true,
            converges: false,
            drains: true,
        }
    }
}

/// How often an event may turn up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Times {
    /// As the writers' configuration promises.
    Configured,
    /// Any number of times: at least once.
    Any,
    /// Stored once; a reader may be handed it again.
    Stored,
    /// Stored once and delivered once.
    Delivered,
}

/// Who of a system's readers reads everything; an audit reader does, if there is one.
pub fn audience(system: &dyn System, audited: bool) -> Audience {
    let auditor = system.auditor().filter(|_| audited);
    match (system.reader_groups(), auditor) {
        (None, None) => Audience::Group,
        // Its number is that of the others.
        (None, Some(members)) => Audience::Groups { count: 2, members },
        (Some(of), auditor) => {
            let count = of.count + u32::from(auditor.is_some());
            Audience::Groups { count, members: of.members }
        }
    }
}

impl Promise {
    /// The promises to check; `audited` if there is an audit reader, `drained` if the readers had
    /// time to read everything.
    pub fn promises(&self, system: &dyn System, audited: bool, drained: bool) -> Promises {
        let once = match self.once {
            Times::Configured => system.once(),
            Times::Any => Once::Any,
            Times::Stored => Once::Stored,
            Times::Delivered => Once::Delivered,
        };
        let drained = drained && self.drains;
        let audience = audience(system, audited);
        Promises {
            audience,
            drained,
            once,
            order: self.order,
            copies: self.copies,
            ..Promises::default()
        }
    }
}
