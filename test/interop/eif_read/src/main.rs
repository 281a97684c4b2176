//! AWS's own reader: checks CRC and signature of an image, prints its PCRs.
use aws_nitro_enclaves_image_format::utils::eif_reader::EifReader;
use aws_nitro_enclaves_image_format::utils::{get_pcrs, PcrSignatureChecker};
use sha2::{Digest, Sha384};

fn main() -> Result<(), String> {
    let path = std::env::args().nth(1).ok_or("Usage: eif_read FILE")?;
    let mut eif = EifReader::from_eif(path.clone())?;
    if !eif.check_crc() {
        return Err("wrong CRC".to_string());
    }
    let pcrs = get_pcrs(
        &mut eif.image_hasher,
        &mut eif.bootstrap_hasher,
        &mut eif.app_hasher,
        &mut eif.cert_hasher,
        Sha384::new(),
        eif.signature_section.is_some(),
    )?;
    for (name, value) in pcrs.iter().filter(|(name, _)| name.starts_with("PCR")) {
        println!("{}: {}", name, value);
    }
    let mut checker = PcrSignatureChecker::from_eif(&path)?;
    if !checker.is_empty() {
        checker.verify()?;
        eif.get_certificate_info(pcrs)?;
        println!("signature: {:?}", eif.sign_check);
    }
    Ok(())
}
