package transport

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestASubjectIsWrittenAsOpenSSLWritesIt compares with what
// openssl x509 -noout -subject -nameopt RFC2253,utf8,-esc_msb printed of certificates
// that openssl req -utf8 -subj made.
func TestASubjectIsWrittenAsOpenSSLWritesIt(t *testing.T) {
	t.Parallel()
	for want, der := range map[string]string{
		`CN=indexer`: "30123110300e06035504030c07696e6465786572",
		`DC=example,UID=u1,emailAddress=a@b.c,CN=indexer,OU=b+OU=a,O=Bäcker\, Söhne,C=DE`: "308192310b300906035504061302444531183016060355040a0c0f42c3a4636b65722c2053c3b6686e6531143008060355040b0c01613008060355040b0c01623110300e06035504030c07696e64657865723114301206092a864886f70d01090116056140622e6331123010060a0992268993f22c6401010c02753131173015060a0992268993f22c64011916076578616d706c65",
		`CN=\ a#b\;\"c\" \<d\>\ ,serialNumber=17,street=Main 1,L=Frankfurt,ST=Hesse`:      "305a310e300c06035504080c0548657373653112301006035504070c094672616e6b66757274310f300d06035504090c064d61696e2031310b30090603550405130231373116301406035504030c0d206123623b226322203c643e20",
		`O=Ex\+ample,CN=\#1\\2`:                     "3022310d300b06035504030c0423315c323111300f060355040a0c0845782b616d706c65",
		`CN=x,OU=second,OU=first,DC=example,DC=org`: "305b31133011060a0992268993f22c64011916036f726731173015060a0992268993f22c64011916076578616d706c65310e300c060355040b0c056669727374310f300d060355040b0c067365636f6e64310a300806035504030c0178",
	} {
		b, err := hex.DecodeString(der)
		require.NoError(t, err)
		got, err := subjectOf(b)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, bad := range []string{"", "00", "3000ff", "3105"} {
		b, err := hex.DecodeString(bad)
		require.NoError(t, err)
		_, err = subjectOf(b)
		require.Error(t, err, bad)
	}
}

func FuzzSubject(f *testing.F) {
	f.Add([]byte{0x30, 0})
	f.Add([]byte("\x30\x12\x31\x10\x30\x0e\x06\x03\x55\x04\x03\x0c\x07indexer"))
	f.Fuzz(func(t *testing.T, der []byte) { _, _ = subjectOf(der) }) // it doesn't panic
}
