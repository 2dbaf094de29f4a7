//! What a plan says: its cost, and how it reads a table.

use super::super::advice::Name;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan(pub(super) Vec<String>);

impl Plan {
    /// In the planner's units.
    pub(super) fn cost(&self) -> Option<f64> {
        cost(self.0.first()?)
    }

    /// The cost of the only node that reads all of a table, if there is just one.
    pub(super) fn whole_read(&self, name: &Name) -> Option<f64> {
        let mut reads = self.0.iter().filter(|line| {
            let Some(at) = line.find("Seq Scan on ") else { return false };
            named(&line[at + "Seq Scan on ".len()..]).is_some_and(|found| found == *name)
        });
        let first = reads.next()?;
        if reads.next().is_some() { None } else { cost(first) }
    }
}

/// The second number of `(cost=1.00..2.00 rows=..)`.
fn cost(line: &str) -> Option<f64> {
    let (_, rest) = line.split_once("(cost=")?;
    let (_, rest) = rest.split_once("..")?;
    rest.split(' ').next()?.parse().ok()
}

/// `schema.table`, quoted or not, from the beginning.
fn named(text: &str) -> Option<Name> {
    let (schema, rest) = ident(text)?;
    let (name, _) = ident(rest.strip_prefix('.')?)?;
    Some(Name { schema, name })
}

fn ident(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(['.', ' ']).unwrap_or(text.len());
        return (end > 0).then(|| (text[..end].to_owned(), &text[end..]));
    };
    let mut name = String::new();
    let mut letters = quoted.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        if letter != '"' {
            name.push(letter);
        } else if letters.next_if(|(_, next)| *next == '"').is_some() {
            name.push('"');
        } else {
            return Some((name, &quoted[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_and_reads_of_hostile_names() {
        let plan = Plan(vec![
            "Hash Join  (cost=27.50..61.25 rows=7 width=8)".into(),
            "  ->  Parallel Seq Scan on \"S.1\".\"a \"\"b\" x  (cost=0.00..22.70 rows=1 width=4)".into(),
            "  ->  Seq Scan on public.t  (cost=0.00..5.50 rows=1 width=4)".into(),
            "  ->  Seq Scan on public.t t_1  (cost=0.00..5.50 rows=1 width=4)".into(),
        ]);
        let name = |schema: &str, name: &str| Name { schema: schema.into(), name: name.into() };
        assert_eq!(plan.cost(), Some(61.25));
        assert_eq!(plan.whole_read(&name("S.1", "a \"b")), Some(22.7));
        assert_eq!(plan.whole_read(&name("public", "t")), None, "it is read twice");
        assert_eq!(Plan(vec!["Utility".into()]).cost(), None);
    }
}
