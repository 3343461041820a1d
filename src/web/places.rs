//! Where a region is, for the map: by the codes that clouds give their regions. Pure. A region with a name of its own has its place from
//! `[web] places`; one that is neither is on no map.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::RegionName;

/// Where regions are, by configuration: degrees north and east.
pub(super) type Places = BTreeMap<RegionName, [f64; 2]>;

/// A point on the map.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Location<'a> {
    /// Degrees north.
    latitude: f64,
    /// Degrees east.
    longitude: f64,
    /// The place in words.
    place: &'a str,
}

/// A code, degrees north and east, and the place.
type Row = (&'static str, f64, f64, &'static str);

/// A cloud's own prefix, as Neon and others write codes of several clouds side by side.
const CLOUDS: [(&str, &[Row]); 4] = [("aws", AWS), ("gcp", GOOGLE), ("azure", AZURE), ("fly", FLY)];

/// Where a region is: as it is configured, or as its code says.
pub(super) fn location<'a>(configured: &Places, region: &'a RegionName) -> Option<Location<'a>> {
    if let Some([latitude, longitude]) = configured.get(region) {
        return Some(Location { latitude: *latitude, longitude: *longitude, place: region.as_str() });
    }
    let code = region.as_str().to_ascii_lowercase();
    let named = code.split_once('-').and_then(|(cloud, code)| Some((CLOUDS.iter().find(|(name, _)| *name == cloud)?.1, code)));
    let of = |rows: &[Row], code: &str| rows.iter().find(|row| row.0 == code).copied();
    let row = match named {
        Some((rows, code)) => of(rows, code),
        None => CLOUDS.iter().find_map(|(_, rows)| of(rows, &code)),
    };
    row.map(|(_, latitude, longitude, place)| Location { latitude, longitude, place })
}

/// Supabase's and Neon's are among them.
const AWS: &[Row] = &[
    ("af-south-1", -33.9, 18.4, "Cape Town"),
    ("ap-east-1", 22.3, 114.2, "Hong Kong"),
    ("ap-east-2", 25.0, 121.6, "Taipei"),
    ("ap-northeast-1", 35.7, 139.7, "Tokyo"),
    ("ap-northeast-2", 37.6, 127.0, "Seoul"),
    ("ap-northeast-3", 34.7, 135.5, "Osaka"),
    ("ap-south-1", 19.1, 72.9, "Mumbai"),
    ("ap-south-2", 17.4, 78.5, "Hyderabad"),
    ("ap-southeast-1", 1.35, 103.8, "Singapore"),
    ("ap-southeast-2", -33.9, 151.2, "Sydney"),
    ("ap-southeast-3", -6.2, 106.8, "Jakarta"),
    ("ap-southeast-4", -37.8, 145.0, "Melbourne"),
    ("ap-southeast-5", 3.1, 101.7, "Kuala Lumpur"),
    ("ap-southeast-6", -36.8, 174.8, "Auckland"),
    ("ap-southeast-7", 13.8, 100.5, "Bangkok"),
    ("ca-central-1", 45.5, -73.6, "Montreal"),
    ("ca-west-1", 51.0, -114.1, "Calgary"),
    ("cn-north-1", 39.9, 116.4, "Beijing"),
    ("cn-northwest-1", 37.5, 105.2, "Ningxia"),
    ("eu-central-1", 50.1, 8.7, "Frankfurt"),
    ("eu-central-2", 47.4, 8.5, "Zurich"),
    ("eu-north-1", 59.3, 18.1, "Stockholm"),
    ("eu-south-1", 45.5, 9.2, "Milan"),
    ("eu-south-2", 41.6, -0.9, "Aragon"),
    ("eu-west-1", 53.3, -6.3, "Dublin"),
    ("eu-west-2", 51.5, -0.1, "London"),
    ("eu-west-3", 48.9, 2.4, "Paris"),
    ("eusc-de-east-1", 52.4, 13.1, "Brandenburg"),
    ("il-central-1", 32.1, 34.8, "Tel Aviv"),
    ("me-central-1", 25.2, 55.3, "United Arab Emirates"),
    ("me-south-1", 26.2, 50.6, "Bahrain"),
    ("mx-central-1", 20.6, -100.4, "Querétaro"),
    ("sa-east-1", -23.5, -46.6, "São Paulo"),
    ("us-east-1", 38.9, -77.4, "Northern Virginia"),
    ("us-east-2", 40.0, -83.0, "Ohio"),
    ("us-gov-east-1", 40.0, -83.0, "Ohio (GovCloud)"),
    ("us-gov-west-1", 45.8, -119.7, "Oregon (GovCloud)"),
    ("us-west-1", 37.4, -121.9, "Northern California"),
    ("us-west-2", 45.8, -119.7, "Oregon"),
];

const GOOGLE: &[Row] = &[
    ("africa-south1", -26.2, 28.0, "Johannesburg"),
    ("asia-east1", 24.1, 120.5, "Changhua"),
    ("asia-east2", 22.3, 114.2, "Hong Kong"),
    ("asia-northeast1", 35.7, 139.7, "Tokyo"),
    ("asia-northeast2", 34.7, 135.5, "Osaka"),
    ("asia-northeast3", 37.6, 127.0, "Seoul"),
    ("asia-south1", 19.1, 72.9, "Mumbai"),
    ("asia-south2", 28.6, 77.2, "Delhi"),
    ("asia-southeast1", 1.35, 103.8, "Singapore"),
    ("asia-southeast2", -6.2, 106.8, "Jakarta"),
    ("asia-southeast3", 13.8, 100.5, "Bangkok"),
    ("australia-southeast1", -33.9, 151.2, "Sydney"),
    ("australia-southeast2", -37.8, 145.0, "Melbourne"),
    ("europe-central2", 52.2, 21.0, "Warsaw"),
    ("europe-north1", 60.6, 27.2, "Hamina"),
    ("europe-north2", 59.3, 18.1, "Stockholm"),
    ("europe-southwest1", 40.4, -3.7, "Madrid"),
    ("europe-west1", 50.5, 3.8, "St. Ghislain"),
    ("europe-west10", 52.5, 13.4, "Berlin"),
    ("europe-west12", 45.1, 7.7, "Turin"),
    ("europe-west2", 51.5, -0.1, "London"),
    ("europe-west3", 50.1, 8.7, "Frankfurt"),
    ("europe-west4", 53.4, 6.8, "Eemshaven"),
    ("europe-west6", 47.4, 8.5, "Zurich"),
    ("europe-west8", 45.5, 9.2, "Milan"),
    ("europe-west9", 48.9, 2.4, "Paris"),
    ("me-central1", 25.3, 51.5, "Doha"),
    ("me-central2", 26.4, 50.1, "Dammam"),
    ("me-west1", 32.1, 34.8, "Tel Aviv"),
    ("northamerica-northeast1", 45.5, -73.6, "Montreal"),
    ("northamerica-northeast2", 43.7, -79.4, "Toronto"),
    ("northamerica-south1", 20.6, -100.4, "Querétaro"),
    ("southamerica-east1", -23.5, -46.6, "São Paulo"),
    ("southamerica-west1", -33.4, -70.7, "Santiago"),
    ("us-central1", 41.3, -95.9, "Council Bluffs"),
    ("us-east1", 33.2, -80.0, "Moncks Corner"),
    ("us-east4", 39.0, -77.5, "Ashburn"),
    ("us-east5", 40.0, -83.0, "Columbus"),
    ("us-south1", 32.8, -96.8, "Dallas"),
    ("us-west1", 45.6, -121.2, "The Dalles"),
    ("us-west2", 34.1, -118.2, "Los Angeles"),
    ("us-west3", 40.8, -111.9, "Salt Lake City"),
    ("us-west4", 36.2, -115.1, "Las Vegas"),
];

const AZURE: &[Row] = &[
    ("australiacentral", -35.3, 149.1, "Canberra"),
    ("australiacentral2", -35.3, 149.1, "Canberra"),
    ("australiaeast", -33.9, 151.2, "New South Wales"),
    ("australiasoutheast", -37.8, 145.0, "Victoria"),
    ("austriaeast", 48.2, 16.4, "Vienna"),
    ("belgiumcentral", 50.8, 4.4, "Brussels"),
    ("brazilsouth", -23.5, -46.6, "São Paulo"),
    ("brazilsoutheast", -22.9, -43.2, "Rio de Janeiro"),
    ("canadacentral", 43.7, -79.4, "Toronto"),
    ("canadaeast", 46.8, -71.2, "Quebec"),
    ("centralindia", 18.5, 73.9, "Pune"),
    ("centralus", 41.6, -93.6, "Iowa"),
    ("chilecentral", -33.4, -70.7, "Santiago"),
    ("chinaeast", 31.2, 121.5, "Shanghai"),
    ("chinaeast2", 31.2, 121.5, "Shanghai"),
    ("chinanorth", 39.9, 116.4, "Beijing"),
    ("chinanorth2", 39.9, 116.4, "Beijing"),
    ("chinanorth3", 40.8, 114.9, "Hebei"),
    ("denmarkeast", 55.7, 12.6, "Copenhagen"),
    ("eastasia", 22.3, 114.2, "Hong Kong"),
    ("eastus", 37.4, -79.8, "Virginia"),
    ("eastus2", 36.7, -78.4, "Virginia"),
    ("francecentral", 48.9, 2.4, "Paris"),
    ("francesouth", 43.3, 5.4, "Marseille"),
    ("germanynorth", 52.5, 13.4, "Berlin"),
    ("germanywestcentral", 50.1, 8.7, "Frankfurt"),
    ("gwc", 50.1, 8.7, "Frankfurt"),
    ("indonesiacentral", -6.2, 106.8, "Jakarta"),
    ("israelcentral", 32.1, 34.8, "Israel"),
    ("italynorth", 45.5, 9.2, "Milan"),
    ("japaneast", 35.7, 139.7, "Tokyo"),
    ("japanwest", 34.7, 135.5, "Osaka"),
    ("jioindiacentral", 21.1, 79.1, "Nagpur"),
    ("jioindiawest", 22.5, 70.1, "Jamnagar"),
    ("koreacentral", 37.6, 127.0, "Seoul"),
    ("koreasouth", 35.2, 129.1, "Busan"),
    ("malaysiawest", 3.1, 101.7, "Kuala Lumpur"),
    ("mexicocentral", 20.6, -100.4, "Querétaro"),
    ("newzealandnorth", -36.8, 174.8, "Auckland"),
    ("northcentralus", 41.9, -87.6, "Illinois"),
    ("northeurope", 53.3, -6.3, "Ireland"),
    ("norwayeast", 59.9, 10.8, "Oslo"),
    ("norwaywest", 59.0, 5.7, "Stavanger"),
    ("polandcentral", 52.2, 21.0, "Warsaw"),
    ("qatarcentral", 25.3, 51.5, "Doha"),
    ("southafricanorth", -26.2, 28.0, "Johannesburg"),
    ("southafricawest", -33.9, 18.4, "Cape Town"),
    ("southcentralus", 29.4, -98.5, "Texas"),
    ("southeastasia", 1.35, 103.8, "Singapore"),
    ("southindia", 13.1, 80.3, "Chennai"),
    ("spaincentral", 40.4, -3.7, "Madrid"),
    ("swedencentral", 60.7, 17.1, "Gävle"),
    ("swedensouth", 55.6, 13.0, "Malmö"),
    ("switzerlandnorth", 47.4, 8.5, "Zurich"),
    ("switzerlandwest", 46.2, 6.1, "Geneva"),
    ("uaecentral", 24.5, 54.4, "Abu Dhabi"),
    ("uaenorth", 25.2, 55.3, "Dubai"),
    ("uksouth", 51.5, -0.1, "London"),
    ("ukwest", 51.5, -3.2, "Cardiff"),
    ("usgovarizona", 33.4, -112.1, "Arizona"),
    ("usgovtexas", 29.4, -98.5, "Texas"),
    ("usgovvirginia", 37.4, -79.8, "Virginia"),
    ("westcentralus", 41.1, -104.8, "Wyoming"),
    ("westeurope", 52.4, 4.9, "Netherlands"),
    ("westindia", 19.1, 72.9, "Mumbai"),
    ("westus", 37.8, -122.4, "California"),
    ("westus2", 47.2, -119.9, "Washington"),
    ("westus3", 33.4, -112.1, "Phoenix"),
];

const FLY: &[Row] = &[
    ("ams", 52.4, 4.9, "Amsterdam"),
    ("arn", 59.3, 18.1, "Stockholm"),
    ("atl", 33.7, -84.4, "Atlanta"),
    ("bog", 4.7, -74.1, "Bogotá"),
    ("bom", 19.1, 72.9, "Mumbai"),
    ("bos", 42.4, -71.1, "Boston"),
    ("cdg", 48.9, 2.4, "Paris"),
    ("den", 39.7, -105.0, "Denver"),
    ("dfw", 32.8, -96.8, "Dallas"),
    ("ewr", 40.7, -74.2, "Secaucus"),
    ("eze", -34.6, -58.4, "Buenos Aires"),
    ("fra", 50.1, 8.7, "Frankfurt"),
    ("gdl", 20.7, -103.3, "Guadalajara"),
    ("gig", -22.9, -43.2, "Rio de Janeiro"),
    ("gru", -23.5, -46.6, "São Paulo"),
    ("hkg", 22.3, 114.2, "Hong Kong"),
    ("iad", 39.0, -77.5, "Ashburn"),
    ("jnb", -26.2, 28.0, "Johannesburg"),
    ("lax", 34.1, -118.2, "Los Angeles"),
    ("lhr", 51.5, -0.1, "London"),
    ("mad", 40.4, -3.7, "Madrid"),
    ("mia", 25.8, -80.2, "Miami"),
    ("nrt", 35.7, 139.7, "Tokyo"),
    ("ord", 41.9, -87.6, "Chicago"),
    ("otp", 44.4, 26.1, "Bucharest"),
    ("phx", 33.4, -112.1, "Phoenix"),
    ("qro", 20.6, -100.4, "Querétaro"),
    ("scl", -33.4, -70.7, "Santiago"),
    ("sea", 47.6, -122.3, "Seattle"),
    ("sin", 1.35, 103.8, "Singapore"),
    ("sjc", 37.3, -121.9, "San Jose"),
    ("syd", -33.9, 151.2, "Sydney"),
    ("waw", 52.2, 21.0, "Warsaw"),
    ("yul", 45.5, -73.6, "Montreal"),
    ("yyz", 43.7, -79.4, "Toronto"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_region_is_where_its_code_says_unless_it_is_told() {
        let configured = BTreeMap::from([("dc-berlin".into(), [52.52, 13.4]), ("eu-west-3".into(), [43.3, 5.4])]);
        for (region, expected) in [
            ("us-east-1", Some((38.9, -77.4, "Northern Virginia"))),
            ("us-east1", Some((33.2, -80.0, "Moncks Corner"))),
            ("eastus", Some((37.4, -79.8, "Virginia"))),
            ("fra", Some((50.1, 8.7, "Frankfurt"))),
            ("EU-WEST-1", Some((53.3, -6.3, "Dublin"))),
            ("aws-eu-central-1", Some((50.1, 8.7, "Frankfurt"))),
            ("azure-westus3", Some((33.4, -112.1, "Phoenix"))),
            ("azure-gwc", Some((50.1, 8.7, "Frankfurt"))),
            ("dc-berlin", Some((52.52, 13.4, "dc-berlin"))),
            ("eu-west-3", Some((43.3, 5.4, "eu-west-3"))),
            ("aws-fra", None),
            ("local", None),
            ("", None),
        ] {
            let region = RegionName::from(region);
            let found = location(&configured, &region).map(|found| (found.latitude, found.longitude, found.place));
            assert_eq!(found, expected, "{region}");
        }
    }

    #[test]
    fn every_code_stands_once_and_on_earth() {
        let rows: Vec<&Row> = CLOUDS.iter().flat_map(|(_, rows)| rows.iter()).collect();
        assert_eq!(rows.iter().map(|row| row.0).collect::<BTreeSet<_>>().len(), rows.len());
        for (code, latitude, longitude, place) in rows {
            assert!((-60.0..=72.0).contains(latitude) && (-180.0..=180.0).contains(longitude) && !place.is_empty(), "{code}");
        }
    }
}
