//! The contract with the standard services beside it: which calls there are, and their messages.

use std::sync::OnceLock;

use concordat_proto::descriptor_pool;
use prost_reflect::{DescriptorPool, MethodDescriptor};

/// Descriptors of the contract, of the health service, and of the details of errors.
pub(super) fn pool() -> &'static DescriptorPool {
    static POOL: OnceLock<DescriptorPool> = OnceLock::new();
    POOL.get_or_init(|| {
        let mut pool = descriptor_pool().clone();
        for set in [
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_types::pb::FILE_DESCRIPTOR_SET,
        ] {
            pool.decode_file_descriptor_set(set)
                .expect("the descriptors that a library brings of itself are whole");
        }
        pool
    })
}

/// The call of a path such as `/concordat.v1.CaseService/GetCase`.
pub(super) fn method(path: &str) -> Option<MethodDescriptor> {
    let (service, method) = path.strip_prefix('/')?.split_once('/')?;
    pool()
        .get_service_by_name(service)?
        .methods()
        .find(|one| one.name() == method)
}

#[cfg(test)]
mod tests {
    use super::{method, pool};

    #[test]
    fn calls_are_found_by_their_path() {
        let found = method("/concordat.v1.CaseService/GetCase").expect("a call");
        assert_eq!(found.input().name(), "GetCaseRequest");
        assert!(method("/grpc.health.v1.Health/Check").is_some());
        assert!(method("/concordat.v1.CaseService/Get").is_none());
        assert!(method("concordat.v1.CaseService/GetCase").is_none());
        assert!(pool().get_message_by_name("google.rpc.ErrorInfo").is_some());
    }
}
