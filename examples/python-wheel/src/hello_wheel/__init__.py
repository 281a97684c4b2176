def greet():
    return "Hello from a wheel."
