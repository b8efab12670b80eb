//! Tracing for the node: subscriber, formats, trace context.
