//! Who gets what, agreed without a word: each candidate's weight for a key is a hash of both, and the heaviest gets it. Everybody who sees
//! the same candidates names the same winner, and a candidate that goes away moves only what it had.
//!
//! The hash is written out here because it must be the same in every process, on every platform and in every version: nodes of an old and
//! of a new release share a region during an upgrade.

/// Who gets the key; none when there are no candidates. Equal weights go to the lesser name.
pub fn winner<'a>(key: &str, among: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    among.max_by(|one, other| weight(key, one).cmp(&weight(key, other)).then_with(|| other.cmp(one)))
}

/// All candidates, the winner first, then who would win without it, and so on.
pub fn order<'a>(key: &str, among: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut all: Vec<&str> = among.collect();
    all.sort_by(|one, other| weight(key, other).cmp(&weight(key, one)).then_with(|| one.cmp(other)));
    all
}

/// FNV-1a of the candidate, a zero byte and the key, and then the last mix of MurmurHash3: FNV alone leaves names that differ in their last
/// letter close together.
fn weight(key: &str, candidate: &str) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let bytes = candidate.bytes().chain([0]).chain(key.bytes());
    let mut hash = bytes.fold(BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_are_the_same_in_every_version() {
        let golden = [
            ("", "", 0xb903_4ad3_7056_f5fb),
            ("eu-west-1/orders", "n1", 0x136e_e8df_31ec_a8d3),
            ("eu-west-1/orders", "n2", 0x2347_b690_7e29_d39c),
            ("region_blind/eu-west-1", "us-east-1", 0xaa2d_286c_c76f_cbee),
        ];
        for (key, candidate, weight) in golden {
            assert_eq!(super::weight(key, candidate), weight, "{key} {candidate}: {:#018x}", super::weight(key, candidate));
        }
    }

    #[test]
    fn the_order_begins_with_the_winner_and_does_not_depend_on_how_they_stand() {
        for key in 0..100 {
            let key = format!("key-{key}");
            let order = order(&key, ["c", "a", "b"].into_iter());
            assert_eq!(order, super::order(&key, ["a", "b", "c"].into_iter()));
            assert_eq!(winner(&key, ["b", "c", "a"].into_iter()), Some(order[0]));
            assert_eq!(winner(&key, order[1..].iter().copied()), Some(order[1]), "the next one takes over");
        }
        assert_eq!(winner("key", [].into_iter()), None);
    }
}
