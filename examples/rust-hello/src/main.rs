fn main() {
    let mut buffer = itoa::Buffer::new();
    println!("Hello number {} from Rust.", buffer.format(42));
}
