use super::{Plan, Proposal, Verdict};
use std::fmt;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (verdict, title) in [
            (Verdict::Change, "Change"),
            (Verdict::Blocked, "Should be changed, and cannot be in this way"),
            (Verdict::Keep, "Stays"),
        ] {
            let all: Vec<_> = self.proposals.iter().filter(|proposal| proposal.verdict == verdict).collect();
            if all.is_empty() {
                continue;
            }
            writeln!(f, "{title}:")?;
            for proposal in all {
                row(f, proposal)?;
            }
        }
        for note in &self.notes {
            writeln!(f, "Note: {note}")?;
        }
        Ok(())
    }
}

fn row(f: &mut fmt::Formatter<'_>, proposal: &Proposal) -> fmt::Result {
    let Proposal { setting, now, proposed, verdict, context, confidence, .. } = proposal;
    let change = match proposed {
        Some(value) if *verdict != Verdict::Keep => format!("{now} → {value}"),
        _ => now.to_string(),
    };
    write!(f, "  {setting:<32} {change:<20}")?;
    if *verdict != Verdict::Keep {
        write!(f, " {:<18} confidence {confidence}", context.to_string())?;
    }
    writeln!(f, "\n      {}", proposal.reason)?;
    for own in &proposal.overridden {
        writeln!(f, "      overridden: {own}")?;
    }
    if let Some(before) = proposal.replaces.as_ref().filter(|_| *verdict == Verdict::Change) {
        writeln!(f, "      replaces {before} of an earlier ALTER SYSTEM")?;
    }
    Ok(())
}
