//! What a service must know of its machine: its own CPU and memory, its container's limits, pressure, disk, network.
