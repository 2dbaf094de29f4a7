use super::{ServerInfo, ServerWatch};
use perfect21_core::{Cell, Column, Inspect, Metric, Observe, Reading, Sections, Table, Unit, Visitor};

const UP: Metric = Metric::new("redis_server_up", Unit::Ratio, "1 where the server answered, else 0.");
const CLIENTS: Metric = Metric::new("redis_server_clients", Unit::Count, "Clients that are connected.");
const MEMORY: Metric =
    Metric::new("redis_server_memory", Unit::Bytes, "Bytes that the server's data and buffers take.");
const MAX_MEMORY: Metric = Metric::new(
    "redis_server_memory_max",
    Unit::Bytes,
    "Bytes that they may take; no data where there is no bound.",
);
const FRAGMENTATION: Metric =
    Metric::new("redis_server_fragmentation", Unit::Ratio, "Bytes of the process by bytes of the data.");
const RATE: Metric =
    Metric::new("redis_server_commands_per_second", Unit::Count, "Commands a second, just now.");
const HIT_RATE: Metric =
    Metric::new("redis_server_hit_rate", Unit::Ratio, "The share of all clients' look-ups that found a key.");
const TRACKED: Metric =
    Metric::new("redis_server_tracked_keys", Unit::Count, "Keys of whose changes some client is told.");
const EXPIRED: Metric = Metric::new("redis_server_expired", Unit::Count, "Keys whose time was over.");
const EVICTED: Metric =
    Metric::new("redis_server_evicted", Unit::Count, "Keys that went for lack of memory.");
const REJECTED: Metric = Metric::new(
    "redis_server_rejected_connections",
    Unit::Count,
    "Connections refused because there were too many.",
);

#[allow(clippy::cast_precision_loss, reason = "gauges are floats; exact below 2^53")]
fn float(number: Option<u64>) -> Option<f64> {
    number.map(|number| number as f64)
}

impl Observe for ServerWatch {
    fn observe(&self, visitor: &mut dyn Visitor) {
        let Some((read, age)) = self.aged() else {
            return visitor.gauge(&UP, &[("namespace", self.namespace())], Reading::NO_DATA);
        };
        for (server, info) in &read.servers {
            let labels = [("namespace", self.namespace()), ("server", &**server)];
            visitor.gauge(&UP, &labels, Reading::aged(f64::from(u8::from(info.is_ok())), age));
            let info = info.as_ref().ok();
            let mut gauge = |metric: &Metric, value: fn(&ServerInfo) -> Option<f64>| {
                let reading =
                    info.and_then(value).map_or(Reading::NO_DATA, |value| Reading::aged(value, age));
                visitor.gauge(metric, &labels, reading);
            };
            gauge(&CLIENTS, |info| float(info.connected_clients));
            gauge(&MEMORY, |info| float(info.used_memory));
            gauge(&MAX_MEMORY, |info| float(info.max_memory.filter(|max| *max > 0)));
            gauge(&FRAGMENTATION, |info| info.fragmentation);
            gauge(&RATE, |info| float(info.commands_per_second));
            gauge(&HIT_RATE, ServerInfo::hit_rate);
            gauge(&TRACKED, |info| float(info.tracked_keys));
            let counts = info.map(|info| {
                [
                    (&EXPIRED, info.expired_keys),
                    (&EVICTED, info.evicted_keys),
                    (&REJECTED, info.rejected_connections),
                ]
            });
            for (metric, total) in counts.into_iter().flatten() {
                if let Some(total) = total {
                    visitor.counter(metric, &labels, total);
                }
            }
        }
    }
}

/// A table of the servers.
impl Inspect for ServerWatch {
    fn inspect(&self, sections: &mut dyn Sections) {
        let Some((read, age)) = self.aged() else { return };
        let columns = [
            Column::new("server", Unit::Count),
            Column::new("version", Unit::Count),
            Column::new("role", Unit::Count),
            Column::new("up for", Unit::Seconds),
            Column::new("clients", Unit::Count),
            Column::new("memory", Unit::Bytes),
            Column::new("when memory is full", Unit::Count),
            Column::new("hit rate", Unit::Ratio),
            Column::new("evicted", Unit::Count),
            Column::new("error", Unit::Count),
        ];
        let mut table = Table::new("redis_servers", "Redis servers", &columns);
        table.age = age;
        let number = |number: Option<f64>| number.map_or(Cell::NoData, Cell::Number);
        let text = |text: &Option<String>| text.clone().map_or(Cell::NoData, Cell::Text);
        for (server, info) in &read.servers {
            let none = ServerInfo::default();
            let (info, error) = match info {
                Ok(info) => (info, Cell::NoData),
                Err(error) => (&none, Cell::Text(error.to_string())),
            };
            table.push([
                Cell::Text(server.clone()),
                text(&info.version),
                text(&info.role),
                number(float(info.uptime_seconds)),
                number(float(info.connected_clients)),
                number(float(info.used_memory)),
                text(&info.max_memory_policy),
                number(info.hit_rate()),
                number(float(info.evicted_keys)),
                error,
            ]);
        }
        sections.table(table);
    }
}
