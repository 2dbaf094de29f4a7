//! Range partitions, made ahead and let go by their bounds.
