use super::*;

/// The leaves of the Certificate Transparency reference tests.
const LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];

/// Heads of the first one to eight of those leaves.
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn reference() -> Tree {
    let mut tree = Tree::default();
    for leaf in LEAVES {
        tree.append(&hex::decode(leaf).unwrap());
    }
    tree
}

fn counting(size: u64) -> Tree {
    let mut tree = Tree::default();
    for leaf in 0..size {
        tree.append(&leaf.to_be_bytes());
    }
    tree
}

fn hashes(texts: &[&str]) -> Vec<Hash> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn the_empty_tree_has_the_hash_of_nothing() {
    assert_eq!(
        Tree::default().root().to_string(),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
}

#[test]
fn heads_of_the_reference_tree_come_out_at_every_size() {
    let tree = reference();
    for (size, root) in (1..).zip(ROOTS) {
        assert_eq!(tree.root_at(size).unwrap().to_string(), root, "size {size}");
    }
    assert_eq!(tree.root_at(9), None);
}

#[test]
fn reference_inclusion_proofs_come_out() {
    // Certificate Transparency reference tests: leaf 5 of 8 and leaf 2 of 3, counted from 0.
    let tree = reference();
    let five = hashes(&[
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]);
    assert_eq!(tree.inclusion_proof(5, 8).unwrap(), five);
    let two = hashes(&["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]);
    assert_eq!(tree.inclusion_proof(2, 3).unwrap(), two);
}

#[test]
fn reference_consistency_proofs_come_out() {
    let tree = reference();
    let six_to_eight = hashes(&[
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]);
    assert_eq!(tree.consistency_proof(6, 8).unwrap(), six_to_eight);
    let two_to_five = hashes(&[
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ]);
    assert_eq!(tree.consistency_proof(2, 5).unwrap(), two_to_five);
}

#[test]
fn every_leaf_proves_its_place_and_no_other() {
    let tree = counting(33);
    for size in 1..=33 {
        let root = tree.root_at(size).unwrap();
        for index in 0..size {
            let leaf = tree.leaf(index).unwrap();
            let proof = tree.inclusion_proof(index, size).unwrap();
            assert!(
                verify_inclusion(&leaf, index, size, &proof, &root),
                "{index} in {size}"
            );
            assert!(
                !verify_inclusion(&leaf, index + 1, size, &proof, &root),
                "{index} shown as its neighbour in {size}"
            );
            assert!(!verify_inclusion(
                &leaf_hash(b"other"),
                index,
                size,
                &proof,
                &root
            ));
            let longer = [&proof[..], &[root]].concat();
            assert!(!verify_inclusion(&leaf, index, size, &longer, &root));
        }
    }
}

#[test]
fn every_prefix_proves_itself_and_no_other_head_does() {
    let tree = counting(33);
    for new in 0..=33 {
        let new_root = tree.root_at(new).unwrap();
        for old in 0..=new {
            let old_root = tree.root_at(old).unwrap();
            let proof = tree.consistency_proof(old, new).unwrap();
            assert!(
                verify_consistency(old, new, &proof, &old_root, &new_root),
                "{old} to {new}"
            );
            assert!(
                !verify_consistency(old, new, &proof, &leaf_hash(b"other"), &new_root),
                "{old} to {new}"
            );
            if old > 0 {
                assert!(
                    !verify_consistency(old, new, &proof, &old_root, &leaf_hash(b"other")),
                    "{old} to {new}"
                );
            }
        }
    }
}

#[test]
fn nodes_given_back_by_append_are_each_complete_node_once() {
    let mut tree = Tree::default();
    let mut seen = std::collections::BTreeSet::new();
    for leaf in 0..16_u64 {
        for node in tree.append(&leaf.to_be_bytes()) {
            assert!(seen.insert((node.level, node.index)));
            assert_eq!(tree.node(u32::from(node.level), node.index), node.hash);
        }
    }
    assert_eq!(seen.len(), 31);
}

#[test]
fn a_tree_survives_being_stored_as_its_leaves() {
    let tree = counting(13);
    let stored = serde_json::to_string(&tree).unwrap();
    assert_eq!(serde_json::from_str::<Tree>(&stored).unwrap(), tree);
}
