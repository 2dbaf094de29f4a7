//! What all rules share: the present value, the limits, and when a change is not worth it.

use super::{
    own,
    proposal::{Proposal, Verdict},
};
use crate::{
    Confidence,
    tuner::{Disk, Facts, Tuner, Workload, scope::Scope, setting::Setting, value::Value},
};
use perfect21_core::Bytes;

/// A change by less than this share of the new value is not worth it.
const WORTH: f64 = 0.2;

/// What a rule wants.
pub(super) struct Wish {
    pub(super) value: Value,
    pub(super) reason: String,
    pub(super) confidence: Confidence,
    /// A larger value is left as it is: it costs nothing, or serves something that is not seen from here.
    pub(super) only_raise: bool,
    /// The share of the new value by which the present one must differ.
    pub(super) worth: f64,
    /// Above this (in bytes or as a number) the present value is lowered, whatever else holds.
    pub(super) at_most: Option<f64>,
}

impl Wish {
    pub(super) fn new(value: Value, reason: impl Into<String>) -> Self {
        let confidence = Confidence::Medium;
        Self { value, reason: reason.into(), confidence, only_raise: false, worth: WORTH, at_most: None }
    }

    pub(super) fn bytes(bytes: u64, reason: impl Into<String>) -> Self {
        Self::new(Value::Bytes(Bytes::new(bytes)), reason)
    }

    pub(super) fn only_raise(mut self) -> Self {
        self.only_raise = true;
        self
    }

    #[allow(clippy::cast_precision_loss, reason = "compared with a tolerance")]
    pub(super) fn at_most(mut self, most: u64) -> Self {
        self.at_most = Some(most as f64);
        self
    }

    pub(super) fn sure(mut self, confidence: Confidence) -> Self {
        self.confidence = confidence;
        self
    }
}

pub(super) struct Rules<'a> {
    pub(super) facts: &'a Facts,
    pub(super) workload: Workload,
    /// What the server may use, if that is known.
    pub(super) memory: Option<u64>,
    pub(super) cpus: Option<f64>,
    /// What is taken for granted where nothing is known is flash.
    pub(super) disk: Disk,
    pub(super) given_connections: Option<u32>,
    scope: &'a Scope,
    proposals: Vec<Proposal>,
    notes: Vec<String>,
}

impl<'a> Rules<'a> {
    pub(super) fn new(tuner: &'a Tuner, facts: &'a Facts) -> Self {
        let mut notes = Vec::new();
        if !facts.file_errors.is_empty() {
            notes.push(format!(
                "the server would not read its files again, so nothing can be applied: {}",
                facts.file_errors.join("; ")
            ));
        }
        if let Err(why) = &facts.auto_file
            && tuner.scope == Scope::Server
        {
            notes.push(format!("what ALTER SYSTEM wrote so far cannot be read, so there is no undo: {why}"));
        }
        for what in facts.unread.iter().take(20) {
            notes.push(format!("not read: {what}"));
        }
        Self {
            facts,
            workload: tuner.workload,
            memory: facts.memory.value().map(Bytes::get),
            cpus: facts.cpus.value(),
            disk: facts.disk.value().unwrap_or(Disk::Ssd),
            given_connections: tuner.connections,
            scope: &tuner.scope,
            proposals: Vec::new(),
            notes,
        }
    }

    pub(super) fn decided(self) -> (Vec<Proposal>, Vec<String>) {
        (self.proposals, self.notes)
    }

    pub(super) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    pub(super) fn setting(&self, name: &str) -> Option<&'a Setting> {
        self.facts.settings.get(name)
    }

    /// What the scope has now: its own value, or the server's.
    pub(super) fn now(&self, name: &str) -> Option<Value> {
        let setting = self.setting(name)?;
        let own = match self.scope {
            Scope::Server => None,
            scope => own(&self.facts.overrides, scope, name),
        };
        Some(own.map_or_else(
            || setting.value.clone(),
            |own| Value::parse(&own.value, setting.unit.as_deref(), &setting.vartype),
        ))
    }

    pub(super) fn number(&self, name: &str) -> Option<f64> {
        self.now(name)?.number()
    }

    /// What it will be: the change that is proposed, or what is there.
    pub(super) fn will_be(&self, name: &str) -> Option<Value> {
        let proposal = self.proposals.iter().find(|proposal| proposal.setting == name);
        match proposal {
            Some(Proposal { verdict: Verdict::Change, proposed: Some(value), .. }) => Some(value.clone()),
            _ => self.waiting(name).or_else(|| self.now(name)),
        }
    }

    /// What `ALTER SYSTEM` wrote, and a restart will bring.
    fn waiting(&self, name: &str) -> Option<Value> {
        let setting = self.setting(name).filter(|setting| setting.pending_restart)?;
        let text = self.facts.auto_file.as_ref().ok()?.get(name)?;
        Some(Value::parse(text, setting.unit.as_deref(), &setting.vartype))
    }

    /// How many sessions there may be at once.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    pub(super) fn connections(&self) -> u64 {
        let of_server =
            self.will_be("max_connections").and_then(|value| value.number()).map(|number| number as u64);
        self.given_connections.map(u64::from).or(of_server).unwrap_or(100).max(1)
    }

    /// The setting stays.
    pub(super) fn keep(&mut self, name: &'static str, reason: impl Into<String>, confidence: Confidence) {
        self.push(name, None, Verdict::Keep, reason.into(), confidence);
    }

    /// The setting becomes what is wished for, if that is worth it and possible.
    pub(super) fn wish(&mut self, name: &'static str, wish: Wish) {
        let (Some(setting), Some(now)) = (self.setting(name), self.now(name)) else { return };
        let Some(value) = setting.fitted(&wish.value) else {
            let reason = format!("{}; this server does not take {}", wish.reason, wish.value);
            return self.push(name, None, Verdict::Keep, reason, wish.confidence);
        };
        let too_large = wish.at_most.zip(now.number()).is_some_and(|(most, now)| now > most);
        let mut reason = wish.reason;
        if value != wish.value
            && let (Value::Integer(_) | Value::Real(_), false) = (&value, value == now)
        {
            reason.push_str(&format!("; this server takes no more than {value}"));
        }
        let verdict = match (value.number(), now.number()) {
            _ if value == now => Verdict::Keep,
            _ if self.waiting(name).as_ref() == Some(&value) => {
                reason.push_str("; it is set already, and waits for a restart");
                Verdict::Keep
            }
            _ if too_large => Verdict::Change,
            (Some(value), Some(now)) if wish.only_raise && now > value => {
                reason.push_str("; it has more already");
                Verdict::Keep
            }
            // A special value as -1 or 0 is no measure.
            (Some(value), Some(now)) if now > 0.0 && (value - now).abs() <= wish.worth * value.abs() => {
                reason.push_str("; what it has is within 20 % of that");
                Verdict::Keep
            }
            _ => Verdict::Change,
        };
        let verdict = if verdict == Verdict::Change && setting.is_fixed() && *self.scope == Scope::Server {
            reason.push_str(&format!("; it comes from the {}, which wins over ALTER SYSTEM", setting.source));
            Verdict::Blocked
        } else {
            verdict
        };
        self.push(name, Some(value), verdict, reason, wish.confidence);
    }

    fn push(
        &mut self,
        name: &'static str,
        proposed: Option<Value>,
        verdict: Verdict,
        reason: String,
        confidence: Confidence,
    ) {
        let (Some(setting), Some(now)) = (self.setting(name), self.now(name)) else { return };
        let overridden = match self.scope {
            Scope::Server => self.facts.overrides.iter().filter(|o| o.setting == name).cloned().collect(),
            _ => Vec::new(),
        };
        let replaces = match (&self.facts.auto_file, self.scope) {
            (Ok(file), Scope::Server) => file.get(name).cloned(),
            _ => None,
        };
        self.proposals.push(Proposal {
            setting: name.to_owned(),
            now,
            proposed,
            verdict,
            reason,
            context: setting.context,
            unit: setting.unit.clone(),
            overridden,
            source: setting.source.clone(),
            replaces,
            confidence,
        });
    }
}
