use std::sync::atomic::{AtomicI64, Ordering};

use super::*;
use crate::clock::Clock;

struct Now(AtomicI64);

impl Clock for Now {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.load(Ordering::SeqCst))
    }
}

struct Token {
    issuer: Issuer,
    client_id: ClientId,
    jti: Jti,
    sid: Option<Sid>,
    subject: Option<Subject>,
    iat: UnixTime,
}

impl Token {
    fn new(jti: &str) -> Self {
        Self {
            issuer: Issuer::parse("https://op.example").unwrap(),
            client_id: ClientId::parse("rp").unwrap(),
            jti: Jti::parse(jti).unwrap(),
            sid: Some(Sid::parse("sid").unwrap()),
            subject: Some(Subject::parse("sub").unwrap()),
            iat: UnixTime::from_secs(1000),
        }
    }

    fn key(&self) -> ReplayKey<'_> {
        ReplayKey::new(&self.issuer, &self.client_id, &self.jti, self.iat)
            .with_sid(self.sid.as_ref())
            .with_subject(self.subject.as_ref())
    }
}

fn variations() -> Vec<Token> {
    let mut all: Vec<_> = (0..7).map(|_| Token::new("jti")).collect();
    all[0].issuer = Issuer::parse("https://op.example/").unwrap();
    all[1].client_id = ClientId::parse("rp2").unwrap();
    all[2].jti = Jti::parse("jti2").unwrap();
    all[3].sid = None;
    all[4].subject = Some(Subject::parse("other").unwrap());
    all[5].iat = UnixTime::from_secs(1001);
    // The same letters in other members.
    all[6].sid = Some(Sid::parse("sub").unwrap());
    all[6].subject = Some(Subject::parse("sid").unwrap());
    all
}

#[tokio::test]
async fn a_remembered_token_is_seen_and_any_other_is_not() {
    // BCL-160, BCL-162: another issuer, client, subject or session, or a newer `iat`, is another token.
    let replay = MemoryReplay::new();
    let token = Token::new("jti");
    assert!(!replay.seen(&token.key()).await.unwrap());
    replay
        .remember(&token.key(), UnixTime::from_secs(2000))
        .await
        .unwrap();
    assert!(replay.seen(&token.key()).await.unwrap());
    for (nth, other) in variations().iter().enumerate() {
        assert!(!replay.seen(&other.key()).await.unwrap(), "variation {nth}");
        assert_ne!(other.key().digest(), token.key().digest());
    }
    assert_eq!(Token::new("jti").key().digest(), token.key().digest());
}

#[tokio::test]
async fn a_full_table_forgets_old_tokens_and_never_fails() {
    // BCL-163
    let replay = MemoryReplay::with_capacity(320);
    for nth in 0..10_000 {
        let token = Token::new(&format!("jti{nth}"));
        replay
            .remember(&token.key(), UnixTime::from_secs(i64::MAX))
            .await
            .unwrap();
        assert!(replay.seen(&token.key()).await.unwrap());
        assert!(replay.len() <= 320);
    }
    assert!(!replay.seen(&Token::new("jti0").key()).await.unwrap());
}

#[tokio::test]
async fn a_usable_token_outlives_every_turn_of_the_generations() {
    // BCL-163: as long as the table has room.
    let clock = Arc::new(Now(AtomicI64::new(1000)));
    let replay = MemoryReplay::new().with_clock(Arc::clone(&clock));
    let token = Token::new("kept");
    replay
        .remember(&token.key(), UnixTime::from_secs(2000))
        .await
        .unwrap();
    for second in 1001..2000 {
        clock.0.store(second, Ordering::SeqCst);
        for nth in 0..4 {
            let other = Token::new(&format!("{second}-{nth}"));
            let until = UnixTime::from_secs(second + 360);
            replay.remember(&other.key(), until).await.unwrap();
        }
        assert!(replay.seen(&token.key()).await.unwrap(), "at {second}");
    }
    for second in 2000..6000 {
        clock.0.store(second, Ordering::SeqCst);
        for nth in 0..16 {
            let other = Token::new(&format!("{second}-{nth}"));
            let until = UnixTime::from_secs(second + 360);
            replay.remember(&other.key(), until).await.unwrap();
        }
    }
    assert!(!replay.seen(&token.key()).await.unwrap());
    // Nothing grows for ever: 4000 seconds, but only some hundred of them are kept.
    assert!(replay.len() < 20_000, "{}", replay.len());
}

#[tokio::test]
async fn a_replay_store_is_usable_behind_a_pointer() {
    let replay: Arc<dyn DynReplayStore> = Arc::new(MemoryReplay::new());
    let token = Token::new("jti");
    replay
        .remember(&token.key(), UnixTime::from_secs(2000))
        .await
        .unwrap();
    assert!(ReplayStore::seen(&replay, &token.key()).await.unwrap());
}
