//! `[web] places`: where regions are on the map, when their names do not say so.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::{
    global::Around,
    section::{Findings, Section, nearest},
};
use crate::model::RegionName;

/// Degrees north and east of each region that is named.
pub(super) fn read(findings: &mut Findings<'_>, web: &Section<'_>, around: &Around<'_>) -> BTreeMap<RegionName, [f64; 2]> {
    let mut places = BTreeMap::new();
    let Some(table) = web.table(findings, "places") else { return places };
    for (region, value) in table.entries() {
        let at = table.at(region);
        if !around.regions.contains(&region) {
            let fix = match nearest(region, around.regions.iter().copied()) {
                Some(nearest) => format!("did you mean {nearest:?}?"),
                None => "name a region that has a file in this folder, or remove it".to_owned(),
            };
            findings.warn(&at, "is the place of no region here", fix);
        }
        match degrees(value.get_ref()) {
            Some([north, east]) if north.abs() <= 90.0 && east.abs() <= 180.0 => {
                places.insert(region.into(), [north, east]);
            }
            Some(_) => findings.problem(
                &at,
                "is not on earth",
                "write degrees north, from -90 to 90, and then degrees east, from -180 to 180",
            ),
            None => findings.problem(
                &at,
                "must be two numbers: degrees north and degrees east",
                format!("write {region:?} = [52.52, 13.40]"),
            ),
        }
    }
    places
}

fn degrees(value: &DeValue<'_>) -> Option<[f64; 2]> {
    let number = |value: &DeValue<'_>| match value {
        DeValue::Float(number) => number.as_str().parse().ok(),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok().map(|number| number as f64),
        _ => None,
    };
    let numbers = value.as_array()?.iter().map(|item| number(item.get_ref())).collect::<Option<Vec<f64>>>()?;
    numbers.try_into().ok()
}
