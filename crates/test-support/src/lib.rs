//! Real servers and faults for the tests of Perfect21: private PostgreSQL and Redis, a TCP fault proxy, traces.
