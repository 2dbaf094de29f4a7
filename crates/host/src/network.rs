//! Network traffic.

/// What went through the network interfaces since they came up, all together and without the loopback.
///
/// Traffic of containers and bridges passes several interfaces of a host and counts on each. A total that went back
/// means that an interface went away: take no difference there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Network {
    /// Interfaces counted; with none, all totals are truly zero.
    pub interfaces: u32,
    /// What came in.
    pub received: Traffic,
    /// What went out.
    pub sent: Traffic,
}

/// One direction of [`Network`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Traffic {
    /// Bytes, with the headers of the link.
    pub bytes: u64,
    /// Packets.
    pub packets: u64,
    /// Packets that were broken.
    pub errors: u64,
    /// Packets dropped for want of room; known on Linux.
    pub dropped: Option<u64>,
}

impl Traffic {
    pub(crate) fn add(&mut self, [bytes, packets, errors]: [u64; 3], dropped: Option<u64>) {
        // Drivers let their counters wrap; so does the sum.
        self.bytes = self.bytes.wrapping_add(bytes);
        self.packets = self.packets.wrapping_add(packets);
        self.errors = self.errors.wrapping_add(errors);
        self.dropped = dropped.map(|dropped| self.dropped.unwrap_or(0).wrapping_add(dropped));
    }
}

#[cfg(target_os = "linux")]
impl Network {
    pub(crate) const EXPECTED: &str = "lines `interface: sixteen numbers` below two heading lines";

    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        use crate::parse;

        let none = Traffic { dropped: Some(0), ..Traffic::default() };
        let mut network = Self { interfaces: 0, received: none, sent: none };
        let mut lines = parse::lines(bytes);
        lines.next()?;
        lines.next()?;
        for line in lines.filter(|line| !line.trim_ascii().is_empty()) {
            let colon = line.iter().position(|&byte| byte == b':')?;
            if line[..colon].trim_ascii() == b"lo" {
                continue;
            }
            let mut numbers = [0_u64; 16];
            let mut fields = parse::fields(&line[colon + 1..]);
            for number in &mut numbers {
                *number = parse::number(fields.next()?)?;
            }
            let [r0, r1, r2, r3, _, _, _, _, s0, s1, s2, s3, ..] = numbers;
            network.received.add([r0, r1, r2], Some(r3));
            network.sent.add([s0, s1, s2], Some(s3));
            network.interfaces += 1;
        }
        Some(network)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEAD: &str =
        "Inter-|   Receive    |  Transmit\n face |bytes    packets errs |bytes    packets errs\n";

    #[test]
    fn sums_all_but_the_loopback() {
        let text = format!(
            "{HEAD}    lo: 999 999 9 9 0 0 0 0 999 999 9 9 0 0 0 0\n  eth0: 10 2 3 4 0 0 0 0 50 6 7 8 0 0 0 0\n\
             wlan0:1 1 1 1 0 0 0 0 1 1 1 1 0 0 0 0\n"
        );
        let network = Network::parse(text.as_bytes()).unwrap();
        assert_eq!(network.interfaces, 2);
        assert_eq!(network.received, Traffic { bytes: 11, packets: 3, errors: 4, dropped: Some(5) });
        assert_eq!(network.sent, Traffic { bytes: 51, packets: 7, errors: 8, dropped: Some(9) });
    }

    #[test]
    fn a_machine_without_interfaces_has_sent_nothing() {
        let network = Network::parse(HEAD.as_bytes()).unwrap();
        assert_eq!((network.interfaces, network.sent.bytes, network.sent.dropped), (0, 0, Some(0)));
    }

    #[test]
    fn what_is_no_table_is_no_reading() {
        for rest in ["eth0 1 2", "eth0: 1 2", "eth0: a b c d e f g h i j k l m n o p"] {
            assert_eq!(Network::parse(format!("{HEAD}{rest}\n").as_bytes()), None, "{rest}");
        }
        assert_eq!(Network::parse(b""), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>, line in "[a-z0-9: ]{0,99}", number: u64) {
            Network::parse(&bytes);
            Network::parse(format!("{HEAD}{line}").as_bytes());
            let numbers = format!(" {number}").repeat(16);
            let text = format!("{HEAD}a:{numbers}\nb:{numbers}\n");
            prop_assert_eq!(Network::parse(text.as_bytes()).map(|network| network.interfaces), Some(2));
        }
    }
}
