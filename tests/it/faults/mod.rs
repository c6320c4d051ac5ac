//! The store suite finds faults: each one that is planted here in a plain store breaks at least one claim.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use tower_backchannel_logout::SessionId;
use tower_backchannel_logout::clock::{Clock, UnixTime};
use tower_backchannel_logout::session::{
    EndedSession, LogoutRequest, NewSession, Rebinding, Registration, Session, SessionIdentity,
    SessionRegistry, SessionStatus, SessionStore, Terminated,
};
use tower_backchannel_logout::testing::suite::{self, SuiteClock};

pub(crate) mod reference;

use reference::Reference;

macro_rules! faults {
    ($($fault:ident => $claim:literal;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Fault { $($fault,)* }

        /// Every fault, and a claim that must catch it.
        const FAULTS: &[(Fault, &str)] = &[$((Fault::$fault, $claim),)*];
    };
}

faults! {
    NoMark => "a_login_after_its_logout_is_refused";
    MarkAfterDelete => "a_login_and_its_logout_leave_no_session";
    LookThenInsert => "a_login_and_its_logout_leave_no_session";
    RegisterUpserts => "a_login_after_its_logout_is_refused";
    CutOffReversed => "a_sub_ends_what_began_up_to_the_cut_off";
    SpreadIgnored => "a_sub_ends_what_began_up_to_the_cut_off";
    SubEndsNewer => "a_sub_ends_what_began_up_to_the_cut_off";
    AgelessSurvive => "a_sub_ends_what_began_up_to_the_cut_off";
    IssuerIgnored => "no_logout_crosses_to_another_issuer_or_client";
    ClientIgnored => "no_logout_crosses_to_another_issuer_or_client";
    NoSidlessSelection => "a_sid_with_a_sub_also_ends_what_has_no_sid";
    SidOrSub => "a_sid_with_a_sub_also_ends_what_has_no_sid";
    SidAndSub => "another_sub_does_not_save_the_session_of_a_sid";
    SidHasCutOff => "a_sid_ends_its_sessions_whatever_their_age";
    NamesFolded => "names_are_compared_byte_for_byte";
    OneSlotIndex => "every_session_of_a_customer_ends";
    MarkDroppedOnOverflow => "many_marks_push_none_out";
    MarkNeverPasses => "a_later_login_passes";
    CutOffOverwritten => "two_marks_keep_the_later_cut_off";
    MarkExpiresEarly => "a_mark_lives_as_long_as_a_login_may_take";
    OldTokenTaken => "an_old_id_token_begins_no_session";
    AdoptIgnoresMarks => "an_old_id_token_begins_no_session";
    RepetitionReportsNothing => "a_repetition_reports_again_until_forgotten";
    ForgetDropsMark => "forgetting_weakens_no_mark";
    EndedIdsForgotten => "a_late_save_brings_nothing_back";
    NoTombstone => "a_local_logout_ends_one_session_for_good";
    DeadIdsBlockForever => "a_later_login_passes";
    RotationCopies => "a_rotation_moves_the_session";
    RotationInTwoSteps => "a_rotation_and_a_logout_leave_no_session";
    OldIdNotDead => "a_rotation_moves_the_session";
    ExtendRevives => "the_end_of_a_live_session_moves";
    StatusIgnoresExpiry => "a_session_is_over_when_it_expires";
    ConnectionsKnowOnlyExpiry => "a_logout_wakes_the_connections_of_its_sessions_alone";
    ConnectionsStayAtTheOldId => "a_connection_follows_the_session";
    CutOffIsNow => "a_late_logout_blocks_no_login_that_began_meanwhile";
    MarkKeepsItsFirstEnd => "a_second_logout_prolongs_the_mark";
    MarkOnlyIfMatched => "a_login_after_its_logout_is_refused";
    MarkOnlyIfUnmatched => "forgetting_weakens_no_mark";
    SecondMarkIsForAll => "a_login_after_its_logout_is_refused";
    SubMarksPassSids => "a_login_after_its_logout_is_refused";
    StatelessNeverTooOld => "a_mark_lives_as_long_as_a_login_may_take";
    ForgetDropsDeadIds => "forgetting_weakens_no_mark";
    AgelessDeadIdsForgotten => "a_session_of_unknown_age_stays_ended";
    LateSaveReplacesNewer => "an_id_never_goes_back_to_an_older_login";
    ReplacedStaysIndexed => "one_id_is_one_session";
    LocalLogoutEndsTheSid => "a_local_logout_ends_one_session_for_good";
    LocalLogoutLeavesAMark => "a_local_logout_ends_one_session_for_good";
    OldIdStillActs => "a_rotation_moves_the_session";
    RotationLosesIat => "a_rotation_changes_nothing_but_the_id";
    RotationProlongs => "a_rotation_changes_nothing_but_the_id";
    RotationKeepsTheOther => "a_rotation_onto_an_id_in_use_replaces_its_session";
    AnswersAtHandAreOld => "a_session_is_over_when_it_expires";
    ConnectionsFollowTheId => "a_connection_ends_when_another_session_takes_its_id";
    StatelessConnectionsKnowSubAlone => "a_logout_wakes_stateless_connections";
}

/// A store around the [`Reference`], whole or with one fault.
#[derive(Clone)]
struct Plain {
    rules: Arc<Mutex<Reference>>,
    clock: SuiteClock,
    /// What was answered once, for the fault that answers it for ever.
    at_hand: Arc<Mutex<HashMap<SessionId, SessionIdentity>>>,
}

impl Plain {
    fn new(clock: SuiteClock, fault: Option<Fault>) -> Self {
        let rules = Reference::new(fault);
        Self {
            rules: Arc::new(Mutex::new(rules)),
            clock,
            at_hand: Arc::default(),
        }
    }

    fn now(&self) -> i64 {
        self.clock.now().as_secs()
    }

    fn with<T>(&self, look: impl FnOnce(&mut Reference, i64) -> T) -> T {
        let now = self.now();
        look(&mut self.rules.lock().unwrap(), now)
    }

    fn has(&self, fault: Fault) -> bool {
        self.rules.lock().unwrap().fault() == Some(fault)
    }
}

/// Lets every other task that can go on do so once, in their order.
async fn turn() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl SessionStore for Plain {
    type Error = Infallible;

    async fn terminate(&self, request: &LogoutRequest) -> Result<Terminated, Infallible> {
        let (records, newly_ended) = if self.has(Fault::MarkAfterDelete) {
            let ended = self.with(|rules, now| rules.end(request, now));
            turn().await;
            self.with(|rules, now| rules.write_marks(request, now));
            ended
        } else {
            self.with(|rules, now| {
                rules.write_marks(request, now);
                rules.end(request, now)
            })
        };
        let sessions = records.into_iter().map(|record| {
            EndedSession::new(SessionId::parse(record.id).unwrap()).with_identity(record.identity)
        });
        let mut terminated = Terminated::new(sessions.collect());
        terminated.newly_ended = newly_ended;
        Ok(terminated)
    }

    async fn forget(&self, request: &LogoutRequest, done: &Terminated) -> Result<(), Infallible> {
        let ids = done
            .sessions
            .iter()
            .map(|ended| ended.id.as_str().to_owned());
        let ids: Vec<_> = ids.collect();
        self.with(|rules, _| rules.forget(&ids, request));
        Ok(())
    }
}

impl SessionRegistry for Plain {
    async fn register(&self, new: NewSession) -> Result<Registration, Infallible> {
        let taken = if self.has(Fault::LookThenInsert) {
            let taken = self.with(|rules, now| rules.may_register(&new, now));
            turn().await;
            taken
        } else {
            self.with(|rules, now| {
                let taken = rules.may_register(&new, now);
                if taken {
                    rules.insert(&new);
                }
                taken
            })
        };
        if taken && self.has(Fault::LookThenInsert) {
            self.with(|rules, _| rules.insert(&new));
        }
        Ok(if taken {
            Registration::Registered
        } else {
            Registration::AlreadyLoggedOut
        })
    }

    async fn status(&self, id: &SessionId) -> Result<SessionStatus, Infallible> {
        let live = self.with(|rules, now| rules.is_live(id, now));
        if let Some(identity) = &live {
            let mut at_hand = self.at_hand.lock().unwrap();
            at_hand.insert(id.clone(), identity.clone());
        }
        Ok(live.map_or(SessionStatus::Unknown, |identity| {
            SessionStatus::Live(Session::new(identity))
        }))
    }

    fn status_now(&self, id: &SessionId) -> Option<SessionStatus> {
        let at_hand = self.at_hand.lock().unwrap().get(id).cloned();
        let old = at_hand.filter(|_| self.has(Fault::AnswersAtHandAreOld))?;
        Some(SessionStatus::Live(Session::new(old)))
    }

    async fn extend(&self, id: &SessionId, expires_at: UnixTime) -> Result<bool, Infallible> {
        Ok(self.with(|rules, now| rules.extend(id, expires_at.as_secs(), now)))
    }

    async fn rebind(&self, old: &SessionId, new: &SessionId) -> Result<Rebinding, Infallible> {
        let moved = if self.has(Fault::RotationInTwoSteps) {
            let record = self.with(|rules, now| rules.take(old, now));
            turn().await;
            self.with(|rules, _| record.map(|record| rules.put(record, new)))
        } else {
            self.with(|rules, now| rules.take(old, now).map(|record| rules.put(record, new)))
        };
        Ok(moved.map_or(Rebinding::NotLive, |()| Rebinding::Rebound))
    }

    async fn unregister(&self, id: &SessionId) -> Result<bool, Infallible> {
        Ok(self.with(|rules, now| rules.unregister(id, now)))
    }

    async fn is_logged_out(&self, identity: &SessionIdentity) -> Result<bool, Infallible> {
        Ok(self.with(|rules, now| rules.is_logged_out(identity, now)))
    }

    fn ended(&self, id: &SessionId) -> impl Future<Output = ()> + Send + 'static {
        let (this, id) = (self.clone(), id.clone());
        let identity = self.with(|rules, now| rules.is_live(&id, now));
        async move {
            if this.has(Fault::ConnectionsKnowOnlyExpiry) && identity.is_some() {
                return std::future::pending().await;
            }
            let stays = this.has(Fault::ConnectionsStayAtTheOldId);
            let follows = this.has(Fault::ConnectionsFollowTheId);
            while follows && this.with(|rules, now| rules.is_live(&id, now)).is_some() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            // A session is known again by its identity: the claims give each session one of its own.
            while identity.as_ref().is_some_and(|identity| {
                this.with(|rules, now| rules.is_identity_live(identity, stays.then_some(&id), now))
            }) {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }

    fn identity_ended(
        &self,
        identity: &SessionIdentity,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (this, mut identity) = (self.clone(), identity.clone());
        if self.has(Fault::StatelessConnectionsKnowSubAlone) {
            let (issuer, client_id) = (identity.issuer().clone(), identity.client_id().clone());
            let iat = identity.id_token_iat().unwrap();
            identity = SessionIdentity::new(issuer, client_id, identity.subject().clone())
                .with_id_token_iat(iat);
        }
        async move {
            while !this.with(|rules, now| rules.is_logged_out(&identity, now)) {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_plain_store_without_a_fault_keeps_every_claim() {
    let report = suite::run_all(async |clock| Plain::new(clock, None)).await;
    report.assert_holds();
}

#[tokio::test(start_paused = true)]
async fn each_planted_fault_is_caught_by_the_claim_that_is_about_it() {
    let mut missed = Vec::new();
    for (fault, claim) in FAULTS {
        let report = suite::run_all(async |clock| Plain::new(clock, Some(*fault))).await;
        let broken: Vec<_> = report.broken().map(|(claim, _)| claim).collect();
        println!("{fault:?}: {broken:?}");
        if !broken.contains(claim) {
            missed.push((fault, claim, broken));
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
    assert!(FAULTS.len() >= 15);
}
