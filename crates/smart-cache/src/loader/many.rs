//! Many keys at once: those at hand, those that others load already, and one batch for the rest.

use super::{AtHand, LoadError, Loader, held::Held, stats::count};
use crate::{
    flight::Leader,
    load::{Loading, Stored},
};
use futures_util::{
    future::join_all,
    stream::{FuturesUnordered, StreamExt},
};
use std::{hash::Hash, pin::Pin};

/// A key that this call loads: its place in the call, and whether there is an answer if that fails.
struct Led<K: Hash + Eq, V, E> {
    nth: usize,
    leader: Leader<K, Held<V, E>>,
    has_fallback: bool,
}

type Answer<V, E> = (usize, Result<V, LoadError<E>>);
type Waiting<'a, V, E> = Pin<Box<dyn Future<Output = Vec<Answer<V, E>>> + Send + 'a>>;

impl<K, V, E> Loader<K, V, E>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
{
    /// The values of many keys, in their order: one that is at hand is not loaded, one that another caller loads is
    /// waited for, and all others are loaded by one [`batch`](super::LoaderBuilder::batch), or one by one at the same
    /// time where there is none.
    ///
    /// Each key has a result of its own. Timeouts and errors are those of [`get`](Self::get); more keys than
    /// [`max_batch`](super::LoaderBuilder::max_batch) are several batches at the same time.
    ///
    /// # Cancel safety
    /// As of [`get`](Self::get).
    pub async fn get_many(&self, keys: impl IntoIterator<Item = K>) -> Vec<Result<V, LoadError<E>>> {
        let (mut results, mut led) = (Vec::new(), Vec::new());
        let mut waiting: FuturesUnordered<Waiting<'_, V, E>> = FuturesUnordered::new();
        for (nth, key) in keys.into_iter().enumerate() {
            let (answer, has_fallback) = match self.at_hand(&key) {
                AtHand::Answer(answer) => (Some(answer), false),
                AtHand::Load { has_fallback } => (None, has_fallback),
            };
            results.push(answer);
            if results[nth].is_some() {
                continue;
            }
            let Some(leader) = self.inner.cache.flight().try_lead(&key) else {
                let join = self.load_in_time(key, has_fallback);
                waiting.push(Box::pin(async move { vec![(nth, join.await)] }));
                continue;
            };
            match self.look_again(leader) {
                Ok(held) => results[nth] = Some(held.outcome),
                Err(leader) => led.push(Led { nth, leader, has_fallback }),
            }
        }
        while !led.is_empty() {
            let most = if self.inner.batch.is_some() { self.inner.max_batch } else { 1 };
            let part = led.split_off(led.len().saturating_sub(most));
            waiting.push(Box::pin(self.lead_all(part)));
        }
        while let Some(answers) = waiting.next().await {
            for (nth, answer) in answers {
                results[nth] = Some(answer);
            }
        }
        // Each place was answered at once, or is one of those that were waited for.
        results.into_iter().map(|answer| answer.unwrap_or(Err(LoadError::Panicked))).collect()
    }

    /// Loads those keys, by one load or by one batch.
    async fn lead_all(&self, part: Vec<Led<K, V, E>>) -> Vec<Answer<V, E>> {
        let places: Vec<_> = part.iter().map(|led| (led.nth, led.leader.key().clone())).collect();
        let has_fallback = part.iter().any(|led| led.has_fallback);
        let loaded = match self.inner.batch {
            Some(_) => self.in_time(has_fallback, self.apart(self.clone().run_batch(part))).await,
            None => {
                let load = async {
                    let mut all = Vec::new();
                    for Led { leader, .. } in part {
                        all.push(self.lead(leader).await?);
                    }
                    Ok(all)
                };
                self.in_time(has_fallback, load).await
            }
        };
        match loaded {
            Ok(all) => places.into_iter().zip(all).map(|((nth, _), held)| (nth, self.answer(held))).collect(),
            Err(error) => {
                let instead = |(nth, key)| (nth, self.instead(error.clone(), &key));
                places.into_iter().map(instead).collect()
            }
        }
    }

    async fn run_batch(self, part: Vec<Led<K, V, E>>) -> Vec<Held<V, E>> {
        let keys: Vec<K> = part.iter().map(|led| led.leader.key().clone()).collect();
        let loading: Vec<_> =
            keys.iter().map(|key| Loading::begin(&*self.inner.cache, key.clone())).collect();
        let fallbacks: Vec<_> = keys.iter().map(|key| self.fallback(key)).collect();
        let mut asked = join_all(keys.iter().map(|key| self.ask(key))).await;
        let mut found: Vec<_> =
            asked.iter_mut().map(|asked| asked.as_mut().and_then(|asked| asked.found.take())).collect();
        let missing = keys.iter().zip(&found).filter(|(_, found)| found.is_none());
        let mut outcomes = self.batch(missing.map(|(key, _)| key.clone()).collect()).await.into_iter();
        let (mut all, mut loaded) = (Vec::new(), Vec::new());
        let parts = part.into_iter().zip(loading).zip(fallbacks);
        for (nth, ((led, loading), fallback)) in parts.enumerate() {
            if let Some(held) = found[nth].take() {
                all.push(self.keep(led.leader, &loading, held, Stored::Loaded));
                continue;
            }
            // There is one for each that is missing; a key must not get another one's.
            let outcome = outcomes.next().unwrap_or(Err(LoadError::Panicked));
            loaded.extend(outcome.is_ok().then_some(nth));
            all.push(self.land(led.leader, &loading, outcome, fallback));
        }
        let share = |nth: usize| self.share(&keys[nth], &all[nth], asked[nth].take());
        join_all(loaded.into_iter().map(share)).await;
        all
    }

    /// One result for each key.
    async fn batch(&self, keys: Vec<K>) -> Vec<Result<V, LoadError<E>>> {
        let asked = keys.len();
        let Some(batch) = self.inner.batch.as_ref().filter(|_| asked > 0) else { return Vec::new() };
        count(&self.inner.counts.batches);
        let outcomes = batch(keys).await;
        let given = outcomes.len();
        if given == asked {
            outcomes.into_iter().map(|outcome| outcome.map_err(LoadError::Load)).collect()
        } else {
            vec![Err(LoadError::WrongCount { asked, given }); asked]
        }
    }
}
