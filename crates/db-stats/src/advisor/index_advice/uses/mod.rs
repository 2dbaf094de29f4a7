//! Which columns a statement finds, joins and orders its rows by.

use super::{
    nodes::{Node, nodes},
    schema::Schema,
};

/// How one part of a statement uses one table. Numbers of columns, each once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Use {
    pub(super) table: i64,
    /// Compared with a constant or parameter by `=`, `IN` or `= ANY`.
    pub(super) equal: Vec<i64>,
    /// Compared with a column of another table by `=`.
    pub(super) joined: Vec<i64>,
    /// Compared by `<`, `BETWEEN` and the like.
    pub(super) ranges: Vec<i64>,
    /// Of an `ORDER BY` in one direction with a `LIMIT`.
    pub(super) order: Vec<i64>,
}

struct Source {
    alias: String,
    used: Use,
}

const ENDS: [&str; 15] = [
    "where",
    "group",
    "having",
    "order",
    "limit",
    "offset",
    "fetch",
    "for",
    "window",
    "returning",
    "union",
    "intersect",
    "except",
    "set",
    "values",
];
const JOINS: [&str; 8] = ["join", "inner", "left", "right", "full", "cross", "natural", "on"];

/// All uses in the statement, of tables that the schema knows.
pub(super) fn uses(sql: &str, schema: &Schema<'_>) -> Vec<Use> {
    let mut found = Vec::new();
    if let Some(nodes) = nodes(sql) {
        dive(&nodes, schema, &mut found);
    }
    found.retain(|used| {
        !(used.equal.is_empty() && used.joined.is_empty() && used.ranges.is_empty() && used.order.is_empty())
    });
    found
}

/// Each `SELECT`, `UPDATE` and `DELETE`, on its own; a column of an outer one counts as a constant within.
fn dive(nodes: &[Node], schema: &Schema<'_>, found: &mut Vec<Use>) {
    for part in nodes.split(|node| node.is_one_of(&["union", "intersect", "except"])) {
        let sources = one(part, schema);
        found.extend(sources.into_iter().map(|source| source.used));
    }
    for node in nodes {
        if let Node::Group(inner) = node {
            dive(inner, schema, found);
        }
    }
}

fn one(nodes: &[Node], schema: &Schema<'_>) -> Vec<Source> {
    let mut sources = Vec::new();
    let nodes = match nodes.split_first() {
        // What follows UNION.
        Some((first, rest)) if first.is_one_of(&["all", "distinct"]) => rest,
        _ => nodes,
    };
    let begins = |node: &Node| node.is_one_of(&["select", "update", "delete", "with", "insert"]);
    if !nodes.first().is_some_and(begins) {
        return sources;
    }
    find_sources(nodes, schema, &mut sources);
    let mut at = 0;
    while at < nodes.len() {
        let rest = &nodes[at + 1..];
        if nodes[at].is_one_of(&["where", "on"]) {
            let end = rest.iter().position(|node| node.is_one_of(&ENDS) || node.is_one_of(&JOINS));
            conditions(&rest[..end.unwrap_or(rest.len())], schema, &mut sources, 0);
        } else if let (true, Some(Node::Group(columns))) = (nodes[at].is_word("using"), rest.first()) {
            for name in columns.iter().filter_map(Node::as_name) {
                for source in &mut sources {
                    if let Some(column) = schema.column(source.used.table, name) {
                        add(&mut source.used.joined, column);
                    }
                }
            }
        } else if nodes[at].is_word("order") && nodes.iter().any(|node| node.is_one_of(&["limit", "fetch"])) {
            let end = rest.iter().position(|node| node.is_one_of(&ENDS)).unwrap_or(rest.len());
            order(rest.get(1..end).unwrap_or_default(), schema, &mut sources);
        }
        at += 1;
    }
    sources
}

/// Tables after `FROM`, `JOIN`, `UPDATE` and `USING`.
fn find_sources(nodes: &[Node], schema: &Schema<'_>, sources: &mut Vec<Source>) {
    let mut lists = false;
    let mut at = 0;
    while at < nodes.len() {
        let node = &nodes[at];
        at += 1;
        let is_list = node.is_one_of(&["from", "using"]) || (at == 1 && node.is_word("update"));
        if node.is_one_of(&ENDS) {
            lists = false;
        }
        lists |= is_list;
        if is_list || node.is_word("join") || (lists && node.is_symbol(",")) {
            while nodes.get(at).is_some_and(|node| node.is_one_of(&["only", "lateral"])) {
                at += 1;
            }
            at += source(&nodes[at..], schema, sources);
        }
    }
}

/// One table with its alias, if it is one; how many nodes that are.
fn source(nodes: &[Node], schema: &Schema<'_>, sources: &mut Vec<Source>) -> usize {
    if let Some(Node::Group(inner)) = nodes.first() {
        // A join in brackets; a subquery is looked at by itself.
        if !inner.first().is_some_and(|node| node.is_one_of(&["select", "with", "values"])) {
            let read = source(inner, schema, sources);
            find_sources(&inner[read..], schema, sources);
        }
        return 1;
    }
    let (path, mut read) = path(nodes);
    // A name and brackets are a function.
    if matches!(nodes.get(read), Some(Node::Group(_))) {
        return read;
    }
    let Some(table) = schema.table(&path) else { return read };
    if nodes.get(read).is_some_and(|node| node.is_word("as")) {
        read += 1;
    }
    let alias = nodes.get(read).and_then(Node::as_name);
    read += usize::from(alias.is_some());
    let alias = alias.or(path.last().copied()).unwrap_or_default().to_owned();
    sources.push(Source { alias, used: Use { table, ..Use::default() } });
    read
}

/// `a.b.c` from here, and how many nodes that are.
fn path(nodes: &[Node]) -> (Vec<&str>, usize) {
    let mut path = Vec::new();
    let mut at = 0;
    while let Some(name) = nodes.get(at).and_then(Node::as_name) {
        path.push(name);
        at += 1;
        if !nodes.get(at).is_some_and(|node| node.is_symbol(".")) {
            break;
        }
        at += 1;
    }
    (path, at)
}

/// Parts joined by `AND`; with an `OR` beside them none of them holds for all rows.
fn conditions(nodes: &[Node], schema: &Schema<'_>, sources: &mut [Source], depth: usize) {
    if depth > 32 || nodes.iter().any(|node| node.is_one_of(&["or", "case"])) {
        return;
    }
    let mut begin = 0;
    let mut in_between = false;
    for at in 0..=nodes.len() {
        match nodes.get(at) {
            Some(node) if node.is_word("between") => in_between = true,
            Some(node) if node.is_word("and") && in_between => in_between = false,
            None | Some(Node::Word(_)) if nodes.get(at).is_none_or(|node| node.is_word("and")) => {
                condition(&nodes[begin..at], schema, sources, depth);
                begin = at + 1;
            }
            _ => {}
        }
    }
}

fn condition(nodes: &[Node], schema: &Schema<'_>, sources: &mut [Source], depth: usize) {
    if let [Node::Group(inner)] = nodes {
        return conditions(inner, schema, sources, depth + 1);
    }
    let Some((left, read)) = column(nodes, schema, sources) else {
        return mirrored(nodes, schema, sources);
    };
    let (Some(operator), rest) = (nodes.get(read), nodes.get(read + 1..).unwrap_or_default()) else { return };
    let own = sources[left.0].used.table;
    let others = columns_within(rest, schema, sources);
    // `a = a + 1` finds nothing by an index.
    if others.iter().any(|(source, _)| sources[*source].used.table == own && *source == left.0) {
        return;
    }
    if operator.is_symbol("=") || operator.is_word("in") {
        let exact = column(rest, schema, sources).filter(|(_, read)| *read == rest.len());
        if let Some((right, _)) = exact {
            add(&mut sources[left.0].used.joined, left.1);
            add(&mut sources[right.0].used.joined, right.1);
        } else if others.is_empty() && !is_subquery(rest) {
            add(&mut sources[left.0].used.equal, left.1);
        } else {
            add(&mut sources[left.0].used.joined, left.1);
        }
    } else if ["<", ">", "<=", ">="].iter().any(|sign| operator.is_symbol(sign))
        || operator.is_word("between")
    {
        add(&mut sources[left.0].used.ranges, left.1);
    }
}

/// `$1 = a`.
fn mirrored(nodes: &[Node], schema: &Schema<'_>, sources: &mut [Source]) {
    let [Node::Constant, operator, rest @ ..] = nodes else { return };
    let Some(((source, number), read)) = column(rest, schema, sources) else { return };
    if read != rest.len() {
        return;
    }
    if operator.is_symbol("=") {
        add(&mut sources[source].used.equal, number);
    } else if ["<", ">", "<=", ">="].iter().any(|sign| operator.is_symbol(sign)) {
        add(&mut sources[source].used.ranges, number);
    }
}

fn is_subquery(nodes: &[Node]) -> bool {
    nodes.iter().any(|node| match node {
        Node::Group(inner) => inner.first().is_some_and(|node| node.is_one_of(&["select", "with"])),
        _ => false,
    })
}

/// The source and number of the column that stands here, and how many nodes it takes.
fn column(nodes: &[Node], schema: &Schema<'_>, sources: &[Source]) -> Option<((usize, i64), usize)> {
    let (path, read) = path(nodes);
    if matches!(nodes.get(read), Some(Node::Group(_))) {
        return None;
    }
    let (name, qualifiers) = path.split_last()?;
    let mut found = sources.iter().enumerate().filter_map(|(nth, source)| {
        let is_meant = qualifiers.last().is_none_or(|qualifier| *qualifier == source.alias);
        is_meant.then(|| schema.column(source.used.table, name)).flatten().map(|number| (nth, number))
    });
    let first = found.next()?;
    found.next().is_none().then_some((first, read))
}

fn columns_within(nodes: &[Node], schema: &Schema<'_>, sources: &[Source]) -> Vec<(usize, i64)> {
    let mut found = Vec::new();
    for (at, node) in nodes.iter().enumerate() {
        if let Node::Group(inner) = node {
            found.extend(columns_within(inner, schema, sources));
        } else if !(at > 0 && nodes[at - 1].is_symbol(".")) {
            found.extend(column(&nodes[at..], schema, sources).map(|(column, _)| column));
        }
    }
    found
}

/// Plain columns of one table in one direction, as far as they go.
fn order(nodes: &[Node], schema: &Schema<'_>, sources: &mut [Source]) {
    let mut first: Option<(usize, bool)> = None;
    for item in nodes.split(|node| node.is_symbol(",")) {
        let Some(((source, number), read)) = column(item, schema, sources) else { return };
        let falls = match &item[read..] {
            [] => false,
            [word] if word.is_word("asc") => false,
            [word] if word.is_word("desc") => true,
            _ => return,
        };
        if *first.get_or_insert((source, falls)) != (source, falls) {
            return;
        }
        add(&mut sources[source].used.order, number);
    }
}

fn add(list: &mut Vec<i64>, number: i64) {
    if !list.contains(&number) {
        list.push(number);
    }
}

#[cfg(test)]
mod tests;
