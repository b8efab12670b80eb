//! The gRPC services: authentication, validation, errors.
