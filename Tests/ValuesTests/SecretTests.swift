import Testing
import Values

/// A secret never shows.
@Suite struct SecretTests {
    @Test func secretsPrintAsAMark() throws {
        let secret = Value.object(SecretValue(.string("hunter2")))
        #expect(try Printer.readable(.vector([secret])) == "[#<secret>]")
        #expect(try Printer.plain(secret) == "#<secret>")
        var printer = Printer()
        try printer.writeText(of: secret)
        #expect(printer.string == "#<secret>")
        #expect(secret.briefly == "a secret")
        #expect(try Printer.readable(.object(Exception(.info, "x", data: secret))).contains("hunter2") == false)
    }

    @Test func secretsEqualOnlyThemselves() throws {
        let hidden = Value.string("hunter2")
        let (one, other) = (SecretValue(hidden), SecretValue(hidden))
        #expect(try one.equals(.object(one)))
        #expect(try !one.equals(.object(other)))
        #expect(try !one.equals(hidden))
        #expect(try one.reveal().equals(hidden))
    }

    @Test func strayTextsAreMasked() {
        var secrets = SecretMask()
        #expect(secrets.masking("nothing known") == "nothing known")
        secrets.learn(Text("hunter2"))
        secrets.learn(Text("hunter2-extended"))
        secrets.learn(Text("abc"))
        secrets.learn(Text("-----BEGIN-----\nMIIEow\n-----END-----\n"))
        #expect(secrets.masking("a hunter2 b hunter2-extended") == "a #<secret> b #<secret>")
        #expect(secrets.masking("abc is too short to mask") == "abc is too short to mask")
        #expect(secrets.masking("line MIIEow alone") == "line #<secret> alone")
        #expect(secrets.masking("key=-----BEGIN-----\nMIIEow\n-----END-----") == "key=#<secret>")
    }
}
