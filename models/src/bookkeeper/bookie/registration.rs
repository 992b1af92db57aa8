//! A bookie and the metadata service: its cookie, its registration, and what it asks.
//!
//! Stands for `bookie/LegacyCookieValidation.java`, `bookie/Cookie.java`,
//! `discover/ZKRegistrationManager.java` of apache/bookkeeper @ branch-4.15. A bookie that starts
//! for the first time stamps a cookie on its disks and in the metadata. One that has lost a disk
//! since, or has somebody else's, finds that they differ and does not come up: with its old name
//! and without its data it would say `no such entry` of what it has acknowledged, and recovery
//! would count that (apache/bookkeeper#2612).
//!
//! Parameters: `zkTimeout` (ms), `cookie.restamped`. Left out: `allowStorageExpansion`, the
//! cluster's instance id, the check's second half that data integrity checking takes over
//! (`dataIntegrityCheckingEnabled`, off by default). Disks and metadata are stamped at the same
//! time, the original stamps the disks first.

use headwater_sim::context::Context;
use headwater_sim::disk::FileId;

use crate::bookkeeper::input::Input;
use crate::bookkeeper::metadata::client::MetadataEvent;
use crate::bookkeeper::metadata::message::{
    MetadataError, MetadataResponse, Operation, Path, Value, bookie_path,
};
use crate::bookkeeper::properties;
use crate::bookkeeper::record::Record;
use crate::bookkeeper::signals;
use crate::bugs::Bug;
use crate::component::Component;
use crate::protocol::{self, Streaming};

use super::restart::STEP_STAMPED;
use super::{Bookie, KIND_RESTART, TAGS};

/// Directory of the bookies' cookies, by node number (`/ledgers/cookies`).
const COOKIES: &str = "cookies";
/// The file of the cookie (`VERSION`), on each disk.
pub const COOKIE_FILE: FileId = FileId(4 << 60);

/// What is known of the cookie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cookie {
    /// Whether the metadata has one, once the service has answered.
    known: Option<bool>,
    /// Whether every disk has one with this bookie's name, once all were looked at.
    pub on_disks: Option<bool>,
    /// They agree, or were just stamped: the bookie may register.
    accepted: bool,
}

impl Bookie {
    pub(super) fn on_service(&mut self, ctx: &mut Context<'_, Streaming>, input: Input<'_>) {
        for event in self.service.on(ctx, input) {
            self.on_metadata(ctx, event);
        }
    }

    fn on_metadata(&mut self, ctx: &mut Context<'_, Streaming>, event: MetadataEvent) {
        match event {
            MetadataEvent::SessionOpened(_) => self.register(ctx),
            MetadataEvent::SessionClosed => ctx.exit(),
            MetadataEvent::SessionExpired => {
                signals::BOOKIE_SESSION_EXPIRED.note(ctx, 0, 0);
                properties::BOOKIE_SESSION_EXPIRED.reached(ctx);
                if self.config.bugs.has(Bug::CollectsUnlisted)
                    && let Some((_, known)) = self.asked.ledgers.take()
                {
                    self.collect(ctx, &known, &[]);
                }
                self.service.start(ctx);
            }
            MetadataEvent::Changed { request, .. } => {
                if self.asked.old_registration == Some(request) {
                    self.register(ctx);
                }
            }
            MetadataEvent::Reply { request, result } => self.on_reply(ctx, request, result),
        }
    }

    /// Asks the metadata for the cookie.
    pub(super) fn ask_for_cookie(&mut self, ctx: &mut Context<'_, Streaming>) {
        let path = Path::new(COOKIES, u64::from(ctx.me().0));
        let get = Operation::Get { path, watch: false };
        self.asked.cookie = Some(self.service.request(ctx, get));
    }

    /// Compares the cookies once all are known.
    pub(super) fn check_cookie(&mut self, ctx: &mut Context<'_, Streaming>) {
        let (Some(known), Some(on_disks)) = (self.cookie.known, self.cookie.on_disks) else {
            return;
        };
        let refused = match (known, on_disks) {
            (true, true) | (false, false) => false,
            (true, false) => !self.config.cookie_restamped,
            (false, true) => true,
        };
        if refused {
            signals::BOOKIE_REFUSED.note(ctx, 0, 0);
            properties::BOOKIE_REFUSED.reached(ctx);
            return ctx.exit();
        }
        if !on_disks {
            self.stamp(ctx);
        }
        if !known {
            let path = Path::new(COOKIES, u64::from(ctx.me().0));
            let value = Value::Words(Vec::new());
            self.service.request(ctx, Operation::Create { path, value, ephemeral: false });
        }
        self.cookie.accepted = true;
        self.register(ctx);
    }

    fn stamp(&mut self, ctx: &mut Context<'_, Streaming>) {
        let tag = TAGS.tag(KIND_RESTART, STEP_STAMPED);
        for disk in self.own_disks() {
            let record = Record::Cookie { bookie: ctx.me() };
            ctx.write(disk, COOKIE_FILE, protocol::Record::BookKeeper(record), tag);
            ctx.sync(disk, COOKIE_FILE, tag);
        }
    }

    /// Registers, if there is a session and the cookies agree.
    pub(super) fn register(&mut self, ctx: &mut Context<'_, Streaming>) {
        if !self.cookie.accepted
            || self.read_only
            || self.stopping
            || self.service.session().is_none()
        {
            return;
        }
        let (path, value) = (bookie_path(ctx.me()), Value::Words(Vec::new()));
        let create = Operation::Create { path, value, ephemeral: true };
        self.asked.register = Some(self.service.request(ctx, create));
    }

    fn on_reply(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        request: u64,
        result: Result<MetadataResponse, MetadataError>,
    ) {
        if self.asked.register == Some(request) {
            match result {
                Ok(_) => {
                    self.serving = true;
                    signals::BOOKIE_REGISTERED.note(ctx, 0, 0);
                }
                // The old session's registration is still there: waits until it has gone
                // (`ZKRegistrationManager.checkRegNodeAndWaitExpired`).
                Err(MetadataError::NodeExists) => {
                    let get = Operation::Get { path: bookie_path(ctx.me()), watch: true };
                    self.asked.old_registration = Some(self.service.request(ctx, get));
                }
                Err(_) => {}
            }
        } else if self.asked.old_registration == Some(request) {
            if result == Err(MetadataError::NoNode) {
                self.register(ctx);
            }
        } else if self.asked.cookie == Some(request) {
            self.cookie.known = Some(result.is_ok());
            self.check_cookie(ctx);
        } else if let Some((_, known)) = self.asked.ledgers.take_if(|(asked, _)| *asked == request)
            && let Ok(MetadataResponse::Directory(ledgers)) = result
        {
            self.collect(ctx, &known, &ledgers);
        }
    }
}
