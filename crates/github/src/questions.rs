//! Requests to GitHub that are in progress: one for each account, however many clients wait for it.
//!
//! Anyone can request any name, so tracked accounts have slots of their own, and only a limited number of other
//! accounts can wait. A request whose clients have all left is dropped; once it has started, it continues even if they
//! leave. The number of waiting tracked accounts is not limited. `statistics` makes the requests.

use crate::{AccountName, kept::Answered};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::{Semaphore, SemaphorePermit, watch};

/// How many tracked accounts are asked for at a time, and how many others.
const TRACKED_AT_ONCE: usize = 2;
const OTHERS_AT_ONCE: usize = 4;
/// How many others may be under way: about as many as GitHub answers while a client waits.
const MOST_OTHERS: usize = 200;

/// Waits for an answer.
pub(crate) type AwaitedAnswer = watch::Receiver<Option<Answered>>;

/// One of them.
#[derive(Debug)]
pub(crate) struct AccountQuestion {
    pub(crate) login: AccountName,
    answer: watch::Sender<Option<Answered>>,
    /// It is asked although no client waits: the last numbers were shown, and the next view needs newer ones.
    is_owed: AtomicBool,
    /// It counts among the others.
    is_others: AtomicBool,
}

/// What became of the wish to ask.
pub(crate) enum AskedQuestion {
    /// It was asked already.
    Joined(AwaitedAnswer),
    /// It is to be answered by the caller.
    Begun(AwaitedAnswer, Arc<AccountQuestion>),
    /// Too many are under way.
    Full,
}

/// Why an account was not asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct UnaskedLabel {
    reason: &'static str,
}

#[derive(Debug, Default)]
struct OpenQuestions {
    of: HashMap<AccountName, Arc<AccountQuestion>>,
    others: usize,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Questions {
    open: Mutex<OpenQuestions>,
    tracked: Semaphore,
    others: Semaphore,
    unasked: Family<UnaskedLabel, Counter>,
}

impl Default for Questions {
    fn default() -> Questions {
        Questions {
            open: Mutex::default(),
            tracked: Semaphore::new(TRACKED_AT_ONCE),
            others: Semaphore::new(OTHERS_AT_ONCE),
            unasked: Family::default(),
        }
    }
}

impl Questions {
    pub(crate) fn register(&self, registry: &mut Registry) {
        let help = "Accounts that were not asked for: too many questions waited, or its clients had left";
        registry.register("github_unasked", help, self.unasked.clone());
    }

    /// The question for an account that is under way, or a new one.
    pub(crate) fn ask(&self, login: &AccountName, is_tracked: bool, is_owed: bool) -> AskedQuestion {
        let mut open = self.lock();
        if let Some(question) = open.of.get(login) {
            question.is_owed.fetch_or(is_owed, Ordering::Relaxed);
            return AskedQuestion::Joined(question.answer.subscribe());
        }
        if !is_tracked && open.others >= MOST_OTHERS {
            return AskedQuestion::Full;
        }
        let (answer, waiting) = watch::channel(None);
        let question = Arc::new(AccountQuestion {
            login: login.clone(),
            answer,
            is_owed: is_owed.into(),
            is_others: (!is_tracked).into(),
        });
        open.others += usize::from(!is_tracked);
        open.of.insert(login.clone(), question.clone());
        AskedQuestion::Begun(waiting, question)
    }

    /// Counts one for which there was no place.
    pub(crate) fn count_full(&self) {
        self.unasked.get_or_create(&UnaskedLabel { reason: "full" }).inc();
    }

    /// Waits for its turn. `None`: it is over, because no client waits for the answer any more.
    pub(crate) async fn turn(
        &self,
        question: &AccountQuestion,
        is_tracked: bool,
    ) -> Option<SemaphorePermit<'_>> {
        if is_tracked {
            self.lock().take_from_others(question);
            return self.tracked.acquire().await.ok();
        }
        loop {
            tokio::select! {
                biased;
                () = question.answer.closed(), if !question.is_owed.load(Ordering::Relaxed) => {
                    if self.drop_unwanted(question) {
                        return None;
                    }
                }
                turn = self.others.acquire() => return turn.ok(),
            }
        }
    }

    /// Answers it. In this order: a client that has the answer and asks again starts a new request.
    pub(crate) fn close(&self, question: &AccountQuestion, answer: Answered) {
        self.lock().remove(question);
        question.answer.send_replace(Some(answer));
    }

    /// Under the lock, because another client may just have joined.
    fn drop_unwanted(&self, question: &AccountQuestion) -> bool {
        let mut open = self.lock();
        if question.answer.receiver_count() > 0 || question.is_owed.load(Ordering::Relaxed) {
            return false;
        }
        open.remove(question);
        self.unasked.get_or_create(&UnaskedLabel { reason: "left" }).inc();
        true
    }

    fn lock(&self) -> MutexGuard<'_, OpenQuestions> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenQuestions {
    fn remove(&mut self, question: &AccountQuestion) {
        self.take_from_others(question);
        self.of.remove(&question.login);
    }

    fn take_from_others(&mut self, question: &AccountQuestion) {
        self.others -= usize::from(question.is_others.swap(false, Ordering::Relaxed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kept::NoStats;

    fn login(n: usize) -> AccountName {
        AccountName::new(&format!("u{n}")).unwrap()
    }

    fn begun(asking: AskedQuestion) -> (AwaitedAnswer, Arc<AccountQuestion>) {
        match asking {
            AskedQuestion::Begun(waiting, question) => (waiting, question),
            AskedQuestion::Joined(_) | AskedQuestion::Full => panic!("it is not new"),
        }
    }

    /// How many are under way, and how many of them are others.
    fn counts(questions: &Questions) -> (usize, usize) {
        let open = questions.lock();
        (open.of.len(), open.others)
    }

    #[tokio::test]
    async fn few_others_wait_and_tracked_ones_have_turns_of_their_own() {
        let questions = Questions::default();
        let all: Vec<_> = (0..MOST_OTHERS).map(|n| begun(questions.ask(&login(n), false, false))).collect();
        assert!(matches!(questions.ask(&login(MOST_OTHERS), false, false), AskedQuestion::Full));
        assert!(matches!(questions.ask(&login(0), false, false), AskedQuestion::Joined(_)));
        let mut turns = Vec::new();
        for (_, question) in &all[..OTHERS_AT_ONCE] {
            turns.push(questions.turn(question, false).await.unwrap());
        }
        let (mut waiting, tracked) = begun(questions.ask(&login(MOST_OTHERS), true, false));
        let turn = questions.turn(&tracked, true).await.unwrap();
        questions.close(&tracked, Err(NoStats::Nobody));
        drop(turn);
        assert_eq!(waiting.wait_for(Option::is_some).await.unwrap().clone(), Some(Err(NoStats::Nobody)));
        // One of the others turns out to be tracked, and makes room.
        drop(questions.turn(&all[9].1, true).await.unwrap());
        let _one = begun(questions.ask(&login(MOST_OTHERS), false, false));
        assert!(matches!(questions.ask(&login(MOST_OTHERS + 1), false, false), AskedQuestion::Full));
        for (_, question) in &all {
            questions.close(question, Err(NoStats::NotYet));
        }
        assert_eq!(counts(&questions), (1, 1));
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_not_asked() {
        let questions = Questions::default();
        let others = questions.others.acquire_many(OTHERS_AT_ONCE as u32).await.unwrap();
        let (left, unwanted) = begun(questions.ask(&login(1), false, false));
        let (behind, owed) = begun(questions.ask(&login(2), false, true));
        let (first, joined) = begun(questions.ask(&login(3), false, false));
        let AskedQuestion::Joined(second) = questions.ask(&login(3), false, false) else {
            panic!("it is asked")
        };
        drop((left, behind, first));
        assert!(questions.turn(&unwanted, false).await.is_none());
        assert_eq!(counts(&questions), (2, 2));
        drop(others);
        for question in [&owed, &joined] {
            assert!(questions.turn(question, false).await.is_some());
        }
        drop(second);
    }
}
