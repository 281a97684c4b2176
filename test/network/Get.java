/** Prints what a URL gives. */
public class Get {
	public static void main(String[] args) throws Exception {
		System.out.write(new java.net.URL(args[0]).openStream().readAllBytes());
		System.out.flush();
	}
}
