import Testing

@testable import Sluice

/// Which folder the namespace of a script stands below.
@Suite struct SourcePathTests {
    @Test(
        arguments: [
            ("src/my_app/main.slu", "my-app.main", "src"), ("src/my-app/main.slu", "my-app.main", "src"),
            ("src/my_app/a_b.clj", "my-app.a-b", "src"), ("src/my_app/main.cljc", "my-app.main", "src"),
            ("my_app/main.slu", "my-app.main", "."), ("./my_app/main.slu", "my-app.main", "."),
            ("/my_app/main.slu", "my-app.main", "/"), ("/x/my_app/main.slu", "my-app.main", "/x"),
            ("../my_app/main.slu", "my-app.main", ".."), ("main.slu", "main", "."), ("src/main.slu", "main", "src"),
            // From within the folder, the rest is that of the working directory.
            ("main.slu", "var.me.main", "/"), ("./main.slu", "me.main", "/var"),
            ("me/main.slu", "me.me.main", "/var"),
            // The end of a name is no part of it.
            ("src/your_app/main.slu", "app.main", nil), ("src/other.slu", "my-app.main", nil),
            ("src/my_app/main.txt", "my-app.main", nil), ("main.slu", "my-app.main", nil), ("", "main", nil),
            ("src/my_app/main", "my-app.main", nil), ("src/my_app/a-b_c.slu", "my-app.a-b-c", nil),
        ] as [(String, String, String?)])
    func rootOfAScript(_ path: String, _ namespace: String, _ root: String?) {
        #expect(SourcePath.root(of: path, for: namespace, in: "/var/me") == root)
    }
}
