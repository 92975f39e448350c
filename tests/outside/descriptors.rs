//! Too few descriptors.
